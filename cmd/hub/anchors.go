package main

import (
	"strconv"

	"github.com/realtime-hub/hub/cmd/hub/internal/scaffold"
)

// anchors are what is missing in the feature folders of the configuration for
// `hub new` to add to them, each in its place.
func (c *configuration) anchors() (mistakes, error) {
	globs := make([]string, len(c.proto.GetFeatures()))
	for i, glob := range c.proto.GetFeatures() {
		globs[i] = c.layers.resolve("features["+strconv.Itoa(i)+"]", glob)
	}
	found, err := scaffold.Guard(globs)
	if err != nil {
		return nil, err
	}
	all := make(mistakes, len(found))
	for i, text := range found {
		all[i] = mistake{text: text}
	}
	return all, nil
}
