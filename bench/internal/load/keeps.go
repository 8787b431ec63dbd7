package load

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/realtime-hub/hub/bench/internal/control"
)

// Keeps is how clients of a kind of server speak of channels that keep
// messages, or that know who is in them. {channel}, {epoch}, {offset} and
// {cursor} stand in what they say.
type Keeps struct {
	Join, Resume, Leave, Members Question

	recovered string   // what an answer to Resume has in it
	beside    []string // what presence tells begins with
	name      string   // what stands before each member in it
	// members reads an answer to Members: how many, and the next page's cursor
	// where there is one.
	members func(answer []byte) (n int, cursor string, err error)
}

var (
	hubKeeps = Keeps{
		Join:      Question{`422["hub:subscribe","{channel}"]`, `432[{"ok":true`},
		Resume:    Question{`423["hub:subscribe",{"channel":"{channel}","since":{"epoch":"{epoch}","offset":"{offset}"}}]`, `433[{"ok":true`},
		Leave:     Question{`424["hub:unsubscribe","{channel}"]`, `434[{"ok":true`},
		Members:   Question{`425["hub:presence",{"channel":"{channel}","limit":1000,"cursor":"{cursor}"}]`, `435[{"ok":true`},
		recovered: `"recovered":true`,
		beside:    []string{`42["hub:presence",`, `42["hub:gap",`},
		name:      `"userId":`,
		members:   hubMembers,
	}
	centrifugeKeeps = Keeps{
		Join: Question{`{"id":4,"subscribe":{"channel":"{channel}"}}`, `{"id":4,"subscribe":{`},
		Resume: Question{
			`{"id":5,"subscribe":{"channel":"{channel}","recover":true,"epoch":"{epoch}","offset":{offset}}}`, `{"id":5,"subscribe":{`,
		},
		Leave:     Question{`{"id":6,"unsubscribe":{"channel":"{channel}"}}`, `{"id":6,"unsubscribe":{`},
		Members:   Question{`{"id":7,"presence_stats":{"channel":"{channel}"}}`, `{"id":7,"presence_stats":{`},
		recovered: `"recovered":true`,
		beside:    []string{`{"push":{"channel":"bench.present.told","join":`, `{"push":{"channel":"bench.present.told","leave":`},
		name:      `"client":`,
		members:   centrifugeMembers,
	}
)

// Unsubscribed is the protocol of clients who are connected, and no more.
func (p *Protocol) Unsubscribed() Protocol {
	connected := *p
	connected.Script = slices.Clone(p.Script[:len(p.Script)-1])
	connected.Script[len(connected.Script)-1].Say = ""
	return connected
}

// Joining is a subscription to a channel, until it has been quiet for so long.
func (k *Keeps) Joining(channel string, quiet time.Duration) Burst {
	return Burst{Question: k.Join.about("{channel}", channel), Beside: k.beside, Name: k.name, Quiet: quiet}
}

// Resuming is a subscription that is told the messages since a position.
func (k *Keeps) Resuming(channel string, since control.Position, messages int) Burst {
	return Burst{
		Question: k.Resume.about("{channel}", channel, "{epoch}", since.Epoch, "{offset}", strconv.FormatUint(since.Offset, 10)),
		Holds:    k.recovered, Messages: messages,
	}
}

// Listening is a subscription of each client to a kept channel of its own, from
// the first on.
func (k *Keeps) Listening(first int) Burst {
	return Burst{Question: k.Join.about("{channel}", control.KeptPrefix+numberHere), From: first, Live: true}
}

// Leaving ends a subscription, as Joining begins it.
func (k *Keeps) Leaving(channel string, quiet time.Duration) Burst {
	return Burst{Question: k.Leave.about("{channel}", channel), Beside: k.beside, Name: k.name, Quiet: quiet}
}

func (q Question) about(names ...string) Question {
	q.Say = strings.NewReplacer(names...).Replace(q.Say)
	return q
}

// CountMembers asks a crowd of one how many are in a channel. ErrNotBuilt: the
// server does not know.
func (c *Crowd) CountMembers(ctx context.Context, channel string, patience time.Duration) (n int, err error) {
	k := c.protocol.Keeps
	noCPU := func() (time.Duration, error) { return 0, nil }
	for cursor := ""; ; {
		page, err := c.Burst(ctx, Burst{Question: k.Members.about("{channel}", channel, "{cursor}", cursor)}, patience, noCPU)
		if err != nil {
			return 0, err
		}
		some, next, err := k.members(page.Answer)
		n += some
		if err != nil || next == "" {
			return n, err
		}
		cursor = next
	}
}

// hubMembers are users, who have one session each.
func hubMembers(answer []byte) (n int, cursor string, err error) {
	n = bytes.Count(answer, []byte(`"userId":`))
	if n != bytes.Count(answer, []byte(`"sessions":1,`)) {
		return 0, "", errors.New("a user is present with more sessions than one")
	}
	if _, after, more := bytes.Cut(answer, []byte(`"cursor":"`)); more {
		end, _, _ := bytes.Cut(after, []byte(`"`))
		cursor = string(end)
	}
	return n, cursor, nil
}

func centrifugeMembers(answer []byte) (n int, cursor string, err error) {
	_, after, _ := bytes.Cut(answer, []byte(`"num_clients":`))
	digits, _, _ := bytes.Cut(after, []byte(`,`))
	n, err = strconv.Atoi(string(digits))
	return n, "", err
}
