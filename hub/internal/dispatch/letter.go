package dispatch

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Bounds of the dead letters. They are for people who look for a cause, and the
// newest tell it: whoever needs more of them counts hub_dead_letters_total.
const (
	maxLetters     = 1000
	maxLetterBytes = 8 << 20
)

// letters are the messages that failed for good, the oldest first. Nobody
// delivers them again: their senders were told. A worker's public no is none of
// them: it is an answer, meant for its sender alone.
type letters struct {
	all     []letter
	size    int    // their bytes
	dropped uint64 // to make room
}

type letter struct {
	declared string
	told     *hubv1.DeadLetter
	size     int
}

// bury keeps an item that has failed for good, if it was a message that had to
// be handled. The caller holds mu.
func (s *Service) bury(it *item, err error) {
	if err == nil || it.message == nil || it.once || it.public {
		return
	}
	why := fault.Of(err)
	if it.last == nil {
		it.last = why
	}
	l := letter{declared: it.declared, told: &hubv1.DeadLetter{
		MessageId: it.message.ID,
		Channel:   it.message.Match.Name,
		Message:   it.message.Payload,
		Sender:    it.message.Sender,
		Group:     it.queue.group.key.name,
		Attempts:  uint32(it.attempts), //nolint:gosec // at most maxAttempts
		Error:     it.last.Proto(),
		At:        timestamppb.Now(),
	}}
	l.size = proto.Size(l.told)
	s.cfg.Metrics.letters.WithLabelValues(string(why.Reason)).Inc()
	s.cfg.Metrics.lettersDropped.Add(float64(s.letters.add(l)))
}

// add drops as many as have to make room.
func (l *letters) add(one letter) (dropped int) {
	l.all = append(l.all, one)
	l.size += one.size
	for len(l.all) > maxLetters || l.size > maxLetterBytes {
		l.size -= l.all[0].size
		l.all[0] = letter{}
		l.all = l.all[1:]
		dropped++
	}
	l.dropped += uint64(dropped)
	return dropped
}

// DeadLetters are the newest messages that failed for good, the newest first,
// at most as many, of the declared channels that may says; of one concrete
// channel unless it is empty. Dropped is how many older ones made room.
func (s *Service) DeadLetters(channel string, limit int, may func(declared string) bool) (found []*hubv1.DeadLetter, dropped uint64) {
	s.mu.Lock()
	defer s.unlock()
	for i := len(s.letters.all) - 1; i >= 0 && len(found) < limit; i-- {
		l := s.letters.all[i]
		if (channel == "" || l.told.GetChannel() == channel) && may(l.declared) {
			found = append(found, l.told)
		}
	}
	return found, s.letters.dropped
}
