package backend

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// goneFor is longer than a message may be under way: 60 s, unless its channel
// is declared otherwise, and the 10 s of a last attempt.
const goneFor = 2 * time.Minute

// shelf is how many articles are kept: memory ends, unlike a database.
const shelf = 1000

// memory is all repositories of one worker, gone with its process.
type memory struct {
	mu sync.Mutex
	// guarded by mu
	added    int
	articles []Article                  // the oldest first
	readers  map[string]map[string]bool // users by article
	open     map[string]string          // article by session
	counts   map[string]int             // sessions by article
	gone     map[string]bool            // sessions, for goneFor
	leavings []leaving                  // the same, the oldest first
}

type leaving struct {
	session string
	at      time.Time
}

var (
	_ Articles = (*memory)(nil)
	_ Views    = (*memory)(nil)
	_ Readings = (*memory)(nil)
)

func newMemory(titles ...string) *memory {
	m := &memory{
		readers: map[string]map[string]bool{}, open: map[string]string{}, counts: map[string]int{}, gone: map[string]bool{},
	}
	for _, title := range titles {
		m.add(title)
	}
	return m
}

func (m *memory) add(title string) Article {
	m.added++
	a := Article{ID: fmt.Sprintf("article-%d", m.added), Title: title, PublishedAt: time.Now()}
	m.articles = append(m.articles, a)
	m.readers[a.ID] = map[string]bool{}
	if len(m.articles) > shelf {
		m.remove(m.articles[0].ID)
	}
	return a
}

func (m *memory) remove(id string) {
	m.articles = slices.DeleteFunc(m.articles, func(a Article) bool { return a.ID == id })
	delete(m.readers, id)
}

func (m *memory) Add(_ context.Context, title string) (Article, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.add(title), nil
}

func (m *memory) Remove(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(id)
	return nil
}

func (m *memory) Find(_ context.Context, id string) (Article, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(m.articles, func(a Article) bool { return a.ID == id })
	if at < 0 {
		return Article{}, false, nil
	}
	return m.articles[at], true, nil
}

func (m *memory) Newest(_ context.Context, n int) ([]Article, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := slices.Clone(m.articles[max(0, len(m.articles)-n):])
	slices.Reverse(newest)
	return newest, nil
}

func (m *memory) Open(_ context.Context, session, article string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone[session] {
		return "", nil
	}
	before := m.shut(session)
	m.open[session] = article
	m.counts[article]++
	return before, nil
}

func (m *memory) Close(_ context.Context, session string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for len(m.leavings) > 0 && now.Sub(m.leavings[0].at) > goneFor {
		delete(m.gone, m.leavings[0].session)
		m.leavings = m.leavings[1:]
	}
	if !m.gone[session] {
		m.gone[session] = true
		m.leavings = append(m.leavings, leaving{session, now})
	}
	return m.shut(session), nil
}

// shut takes the session's view away. The caller holds mu.
func (m *memory) shut(session string) string {
	article := m.open[session]
	delete(m.open, session)
	if m.counts[article]--; m.counts[article] <= 0 {
		delete(m.counts, article)
	}
	return article
}

func (m *memory) Count(_ context.Context, article string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[article], nil
}

func (m *memory) Clear(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.open)
	clear(m.counts)
	return nil
}

func (m *memory) HasRead(_ context.Context, user, article string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.readers[article][user], nil
}

func (m *memory) SetRead(_ context.Context, user, article string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if readers, kept := m.readers[article]; kept {
		readers[user] = true
	}
	return nil
}
