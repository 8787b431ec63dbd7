package backend

// InMemory stands where production has a database.
func InMemory() Config {
	repo := newMemory()
	return Config{Articles: repo, Views: repo, Readings: repo}
}
