# The libraries that kvd is built with. README says why each.
AC_DEFUN([KVD_DEPENDENCIES],
  [AC_CHECK_HEADER([ev.h], [], [AC_MSG_ERROR([libev is missing (Debian: libev-dev)])])
   kvd_saved_LIBS=$LIBS
   AC_CHECK_LIB([ev], [ev_run], [], [AC_MSG_ERROR([libev is missing (Debian: libev-dev)])])
   LIBS=$kvd_saved_LIBS
   AC_SUBST([EV_LIBS], [-lev])

   PKG_CHECK_MODULES([YAML], [yaml-0.1 >= 0.2], [],
     [AC_MSG_ERROR([libyaml is missing (Debian: libyaml-dev)])])
   PKG_CHECK_MODULES([CRYPTO], [libcrypto >= 3.0], [],
     [AC_MSG_ERROR([OpenSSL 3 is missing (Debian: libssl-dev)])])

   PKG_CHECK_MODULES([BSD], [libbsd], [], [AC_MSG_ERROR([libbsd is missing (Debian: libbsd-dev)])])
   PKG_CHECK_MODULES([LZF], [liblzf], [], [AC_MSG_ERROR([liblzf is missing (Debian: liblzf-dev)])])

   AC_ARG_ENABLE([tls], [AS_HELP_STRING([--disable-tls], [build without TLS])], [], [enable_tls=yes])
   AS_IF([test "x$enable_tls" = xyes],
     [PKG_CHECK_MODULES([SSL], [libssl >= 3.0], [], [AC_MSG_ERROR([OpenSSL 3 is missing (Debian: libssl-dev)])])
      AC_DEFINE([HAVE_TLS], [1], [TLS connections are built in.])])
   AM_CONDITIONAL([HAVE_TLS], [test "x$enable_tls" = xyes])

   AC_ARG_WITH([allocator],
     [AS_HELP_STRING([--with-allocator=jemalloc|libc], [memory allocator (jemalloc; libc where a sanitizer is on)])],
     [kvd_allocator=$withval], [kvd_allocator=jemalloc])
   AS_IF([test "x$enable_sanitizers" != xno], [kvd_allocator=libc])
   AS_CASE([$kvd_allocator],
     [jemalloc],
       [PKG_CHECK_MODULES([JEMALLOC], [jemalloc >= 5], [],
          [AC_MSG_ERROR([jemalloc is missing (Debian: libjemalloc-dev)])])
        AC_DEFINE([HAVE_JEMALLOC], [1], [Memory comes from jemalloc.])],
     [libc], [],
     [AC_MSG_ERROR([--with-allocator takes jemalloc or libc])])

   PKG_CHECK_MODULES([CUNIT], [cunit], [kvd_cunit=yes], [kvd_cunit=no])
   AM_CONDITIONAL([HAVE_CUNIT], [test "x$kvd_cunit" = xyes])
   KVD_THREADS])

AC_DEFUN([KVD_THREADS], [AC_SUBST([THREAD_LIBS], [-pthread])])

# Where systemd looks for the units of packages.
AC_DEFUN([KVD_SYSTEMD_UNIT_DIR],
  [AC_ARG_WITH([systemdsystemunitdir],
     [AS_HELP_STRING([--with-systemdsystemunitdir=DIR], [directory for the systemd units, or no])],
     [], [with_systemdsystemunitdir='$(prefix)/lib/systemd/system'])
   AM_CONDITIONAL([HAVE_SYSTEMD_UNITS], [test "x$with_systemdsystemunitdir" != xno])
   AC_SUBST([systemdsystemunitdir], [$with_systemdsystemunitdir])])
