package backend

// The handlers' names, as their errors begin with them.
const (
	OnArticleViewed = "blog.onArticleViewed"
	OnSessionEnded  = "blog.onSessionEnded"
	OnCursorMoved   = "blog.onCursorMoved"
	// hub:symbols
)
