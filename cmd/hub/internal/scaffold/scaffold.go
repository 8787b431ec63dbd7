// Package scaffold writes what is the same in every user's repository: a
// repository's first files, a channel with its contract test, a handler with
// its test and its registration.
//
// Each of [Init], [NewChannel] and [NewHandler] first works out what all files
// should be and whether the channels would load, then writes; an error means
// that nothing was written. Files that it makes whole are made once: one that is
// there with other content is left as it is, and reported as [Kept]. Files that
// it adds to have an anchor, a comment line of their own, and everything goes
// above it; what is there already is not added again. So every call may be made
// twice.
//
// Errors are for the person at the terminal: they say what is wrong, where, and
// what to do.
package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Outcome is what became of a file.
type Outcome string

// What may become of a file.
const (
	Created   Outcome = "created"
	Changed   Outcome = "changed"
	Unchanged Outcome = "nothing to do"
	// Kept is a file that is there with other content, and was left alone.
	Kept Outcome = "kept, it differs"
)

// File is one that a command is about.
type File struct {
	// Path is relative to the project's folder, with slashes.
	Path    string
	Outcome Outcome
	// Have is the content that was found, Want the one that was to be. They
	// tell apart what was kept.
	Have, Want []byte
}

// Report is what a command did, and what it leaves to people.
type Report struct {
	Files []File
	// Steps are what is left to do, in order.
	Steps []string
	// Verify is the command that shows whether all is well.
	Verify string
}

// A plan is what the files should be. Nothing is written before all of it is
// known to be right.
type plan struct {
	root  string
	files []planned
}

type planned struct {
	path string
	want []byte
	have []byte // nil: there is none
	// edited: want is have with an addition, so it may take its place.
	edited bool
}

// whole plans a file that is made once. others are contents that are as good.
func (p *plan) whole(name string, want []byte, others ...[]byte) error {
	have, err := p.read(name)
	if err != nil {
		return err
	}
	for _, other := range others {
		if have != nil && bytes.Equal(have, other) {
			want = have
		}
	}
	p.files = append(p.files, planned{path: name, want: want, have: have})
	return nil
}

// edit plans an addition to a file that is there, or was planned before.
func (p *plan) edit(name string, change func(have []byte) ([]byte, error)) error {
	i := slices.IndexFunc(p.files, func(f planned) bool { return f.path == name })
	if i < 0 {
		have, err := p.read(name)
		if err != nil {
			return err
		}
		p.files = append(p.files, planned{path: name, want: have, have: have})
		i = len(p.files) - 1
	}
	want, err := change(p.files[i].want)
	if err != nil {
		return err
	}
	p.files[i].want, p.files[i].edited = want, true
	return nil
}

// read is a file's content; nil: there is none.
func (p *plan) read(name string) ([]byte, error) {
	data, err := os.ReadFile(p.at(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	case data == nil:
		data = []byte{}
	}
	return data, nil
}

func (p *plan) at(name string) string { return filepath.Join(p.root, filepath.FromSlash(name)) }

// carryOut writes the plan. What cannot be written stops it; what was written
// until then is complete, and a second run goes on from there.
func (p *plan) carryOut() ([]File, error) {
	out := make([]File, 0, len(p.files))
	for _, f := range p.files {
		outcome, err := p.write(f)
		if err != nil {
			return out, fmt.Errorf("%s cannot be written: %w", f.path, err)
		}
		out = append(out, File{Path: f.path, Outcome: outcome, Have: f.have, Want: f.want})
	}
	return out, nil
}

func (p *plan) write(f planned) (Outcome, error) {
	switch {
	case f.have == nil:
		return Created, p.create(f)
	case bytes.Equal(f.have, f.want):
		return Unchanged, nil
	case !f.edited:
		return Kept, nil
	default:
		return Changed, p.replace(f)
	}
}

// create makes a file that was not there; one that is by now is not overwritten.
func (p *plan) create(f planned) error {
	if err := os.MkdirAll(filepath.Dir(p.at(f.path)), 0o755); err != nil { //nolint:gosec // sources are for all readers
		return err
	}
	file, err := os.OpenFile(p.at(f.path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
	if err != nil {
		return err
	}
	_, err = file.Write(f.want)
	return errors.Join(err, file.Close())
}

// replace puts the new content in the old one's place at once: a full disk
// leaves the old one.
func (p *plan) replace(f planned) error {
	info, err := os.Stat(p.at(f.path))
	if err != nil {
		return err
	}
	// A link stays one: what it points at is replaced.
	target, err := filepath.EvalSymlinks(p.at(f.path))
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(target), "."+path.Base(f.path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // gone when all went well
	_, err = temporary.Write(f.want)
	err = errors.Join(err, temporary.Chmod(info.Mode().Perm()), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), target)
}
