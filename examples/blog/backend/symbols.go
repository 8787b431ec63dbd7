package backend

// The handlers' names, as their errors begin with them.
const (
	OnArticleViewed = "blog.onArticleViewed"
	OnSessionEnded  = "blog.onSessionEnded"
	// hub:symbols
)
