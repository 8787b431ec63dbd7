package blog

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	hub "github.com/realtime-hub/hub/sdk/go"
)

// Bounds of what pages may ask for.
const (
	maxRequest   = 4 << 10                // bytes
	publishBurst = 20                     // articles at once
	publishEvery = 500 * time.Millisecond // and one more each
	listed       = 50                     // articles that a page begins with
)

// articles are the state that the feed goes on from.
func (s *Site) articles(w http.ResponseWriter, r *http.Request) {
	publisher := s.publisher.Load()
	if publisher == nil {
		refuse(w, errNotReady)
		return
	}
	entries, err := publisher.Newest(r.Context(), listed)
	if err != nil {
		refuse(w, err)
		return
	}
	type article struct {
		ID          string    `json:"id"`
		Title       string    `json:"title"`
		PublishedAt time.Time `json:"publishedAt"`
		Viewers     int       `json:"viewers"`
	}
	list := make([]article, len(entries))
	for i, e := range entries {
		list[i] = article{ID: e.ID, Title: e.Title, PublishedAt: e.PublishedAt.UTC(), Viewers: e.Viewers}
	}
	answer(w, http.StatusOK, map[string]any{"articles": list})
}

// token signs a visitor in as one of the people, for a few minutes.
func (s *Site) token(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Person string }
	if !read(w, r, &asked) {
		return
	}
	at := slices.IndexFunc(people, func(p person) bool { return p.Name == asked.Person })
	if at < 0 {
		refuse(w, &hub.Error{Code: codes.NotFound, Reason: "PERSON_UNKNOWN", Message: "nobody of that name may sign in"})
		return
	}
	token, err := people[at].token(s.secret)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusOK, map[string]string{"token": token})
}

// publish is the button: a backend broadcasts, never a page.
func (s *Site) publish(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Title string }
	if !read(w, r, &asked) {
		return
	}
	publisher := s.publisher.Load()
	if publisher == nil {
		refuse(w, errNotReady)
		return
	}
	if !s.pace.take(time.Now()) {
		refuse(w, &hub.Error{Code: codes.ResourceExhausted, Reason: "RATE_LIMITED", Message: "too many articles; wait a second"})
		return
	}
	receipt, err := publisher.Publish(r.Context(), asked.Title)
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"id": receipt.ID})
}

var errNotReady = &hub.Error{Code: codes.Unavailable, Reason: "NOT_READY", Message: "the backend is starting; try again in a moment"}

// read takes a small JSON request. Only JSON: a form of another site has not got it.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if r.Header.Get("Content-Type") != "application/json" {
		refuse(w, &hub.Error{Code: codes.InvalidArgument, Reason: "REQUEST_INVALID", Message: "the content type is application/json"})
		return false
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(into); err != nil {
		text := fmt.Sprintf("the request is a JSON object of at most %d bytes", maxRequest)
		refuse(w, &hub.Error{Code: codes.InvalidArgument, Reason: "REQUEST_INVALID", Message: text})
		return false
	}
	return true
}

// pace lets a burst through, then one each interval.
type pace struct {
	mu   sync.Mutex
	next time.Time // guarded by mu; when the burst will have been earned again
}

func (p *pace) take(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if earliest := now.Add(-publishBurst * publishEvery); p.next.Before(earliest) {
		p.next = earliest
	}
	if p.next.After(now.Add(-publishEvery)) {
		return false
	}
	p.next = p.next.Add(publishEvery)
	return true
}
