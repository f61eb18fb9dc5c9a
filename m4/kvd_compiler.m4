# Compiler options of kvd: warnings, sanitizers, coverage, link-time optimization.

# KVD_ADD_CFLAG(flag): add it to KVD_CFLAGS where the compiler takes it without a warning.
AC_DEFUN([KVD_ADD_CFLAG],
  [AS_VAR_PUSHDEF([known], [kvd_cv_cflag_$1])
   AC_CACHE_CHECK([whether $CC takes $1], [known],
     [kvd_saved_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -Werror $1"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([known], [yes])], [AS_VAR_SET([known], [no])])
      CFLAGS=$kvd_saved_CFLAGS])
   AS_VAR_IF([known], [yes], [KVD_CFLAGS="$KVD_CFLAGS $1"])
   AS_VAR_POPDEF([known])])

AC_DEFUN([KVD_COMPILER_WARNINGS],
  [AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat warnings as errors (CI does)])],
     [], [enable_werror=no])
   KVD_CFLAGS="-std=gnu11 -fno-common -fno-strict-aliasing -fno-omit-frame-pointer"
   m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef
                         -Wvla -Wwrite-strings -Wformat=2 -Wimplicit-fallthrough -Wno-unused-parameter
                         -Wno-missing-field-initializers -Wno-format-nonliteral],
     [KVD_ADD_CFLAG(flag)])
   AS_IF([test "x$enable_werror" = xyes], [KVD_CFLAGS="$KVD_CFLAGS -Werror"])])

AC_DEFUN([KVD_SANITIZERS],
  [AC_ARG_ENABLE([sanitizers],
     [AS_HELP_STRING([--enable-sanitizers=LIST], [build with sanitizers, e.g. address,undefined or thread])],
     [AS_IF([test "x$enableval" = xyes], [enable_sanitizers=address,undefined])], [enable_sanitizers=no])
   AS_IF([test "x$enable_sanitizers" != xno],
     [KVD_CFLAGS="$KVD_CFLAGS -fsanitize=$enable_sanitizers -fno-sanitize-recover=all"
      KVD_LDFLAGS="$KVD_LDFLAGS -fsanitize=$enable_sanitizers"
      AC_DEFINE([KVD_SANITIZED], [1], [A sanitizer watches memory: its allocator is used.])])])

AC_DEFUN([KVD_COVERAGE],
  [AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage], [record which lines the tests execute])],
     [], [enable_coverage=no])
   AS_IF([test "x$enable_coverage" = xyes],
     [KVD_CFLAGS="$KVD_CFLAGS --coverage"
      KVD_LDFLAGS="$KVD_LDFLAGS --coverage"])])

AC_DEFUN([KVD_LTO],
  [AC_ARG_ENABLE([lto], [AS_HELP_STRING([--enable-lto], [optimize at link time])], [], [enable_lto=no])
   AS_IF([test "x$enable_lto" = xyes],
     [AC_CHECK_TOOL([KVD_LTO_AR], [gcc-ar])
      KVD_CFLAGS="$KVD_CFLAGS -flto=auto"
      KVD_LDFLAGS="$KVD_LDFLAGS -flto=auto"
      AS_IF([test -n "$KVD_LTO_AR"], [AR=$KVD_LTO_AR; RANLIB=gcc-ranlib])])])
