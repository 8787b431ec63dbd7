package handlers

// A test may see what others may not.
var OnViewedForTests = onViewed()
