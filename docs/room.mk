# what automake needs to know of this folder
