package schema

import (
	"slices"
	"strings"

	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Snapshot is what was declared at one moment. It never changes.
type Snapshot struct {
	channels []*Channel // by name
	literal  map[string]*Channel
	names    *trie[*Channel]
}

// Match is the channel that a concrete name means.
type Match struct {
	*Channel

	// Name is the concrete name, escaped; Channel.Name is the declared one.
	Name string
	// Params are the values, decoded; nil when the name has none.
	Params channel.Params
}

// Channels are all declared channels, by name. The slice is the caller's own.
func (s *Snapshot) Channels() []*Channel { return slices.Clone(s.channels) }

// Lookup finds a channel by its declared name, params in braces.
func (s *Snapshot) Lookup(declared string) (*Channel, bool) {
	i, ok := slices.BinarySearchFunc(s.channels, declared, func(c *Channel, name string) int { return strings.Compare(c.Name(), name) })
	if !ok {
		return nil, false
	}
	return s.channels[i], true
}

// Match finds the channel that a concrete name means: of two templates the
// one with a literal where the other has a param, from the left. A name
// against the grammar, and a param against its rules (with violations), are
// CHANNEL_NAME_INVALID; a name that nothing declares is CHANNEL_UNKNOWN.
func (s *Snapshot) Match(concrete string) (Match, error) {
	// A name without params is its own declaration, and beats every template.
	if c := s.literal[concrete]; c != nil {
		return Match{Channel: c, Name: concrete}, nil
	}
	segments, err := channel.Split(concrete)
	if err != nil {
		return Match{}, fault.New(fault.ChannelNameInvalid, "the channel's name is not valid: "+err.Error())
	}
	c, ok := s.names.root.match(segments)
	if !ok {
		return Match{}, fault.New(fault.ChannelUnknown, "no channel is declared for "+concrete)
	}
	m := Match{Channel: c, Name: concrete, Params: make(channel.Params, len(segments)-1)}
	for i, segment := range c.segments {
		if segment.Param == "" {
			continue
		}
		value, err := channel.Unescape(segments[i])
		if err != nil {
			return Match{}, fault.New(fault.ChannelNameInvalid, "the channel's name is not valid: param "+segment.Param+": "+err.Error())
		}
		m.Params[segment.Param] = value
	}
	if c.params != nil {
		if err := c.params.validate(c.Payload.rules.validator, m.Params); err != nil {
			return Match{}, err
		}
	}
	return m, nil
}

// merge makes a snapshot of sources. Names of two owners that one concrete
// name could mean are a CHANNEL_CONFLICT, reported at the newest source, the
// last of the list.
func merge(sources []*source) (*Snapshot, error) {
	s := &Snapshot{literal: map[string]*Channel{}, names: newTrie[*Channel]()}
	var found collector
	for _, from := range sources {
		for _, c := range from.list() {
			for other := range s.names.overlaps(c.Template) {
				s.conflict(c, other, &found)
			}
			if len(c.Template.Params()) == 0 {
				s.literal[c.Name()] = c
			}
		}
		// Names of one source are held against each other when it is compiled.
		for _, c := range from.list() {
			s.names.insert(c.Template, c)
			s.channels = append(s.channels, c)
		}
	}
	slices.SortFunc(s.channels, func(a, b *Channel) int { return strings.Compare(a.Name(), b.Name()) })
	return s, found.err(fault.ChannelConflict)
}

func (s *Snapshot) conflict(c, other *Channel, found *collector) {
	switch owner := ownerText(other.Owner); {
	case c.Name() == other.Name():
		found.addf(c.place, "%q belongs to %s already", c.Name(), owner)
	case ambiguous(c.Template, other.Template):
		found.add(with(c.place, ambiguousText(c.Template, other.Template, owner)))
	}
}

func ownerText(owner string) string {
	if owner == "" {
		return "the hub's own channels"
	}
	return "the backend " + owner
}
