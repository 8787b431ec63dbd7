package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	protos "github.com/realtime-hub/hub/proto"
	"github.com/realtime-hub/hub/third_party/protovalidate"
)

// A hub refuses a folder of protos without channels, so hub.yaml names it when
// the first one is made.
const (
	noChannelsLine = "channels: [] # `hub new channel` puts ./proto here"
	channelsLine   = `channels: ["./proto"]`
)

// Init plans and writes what a repository needs to begin with, below dir. It may
// be an existing one. A go.mod is not needed yet, but said to be.
func Init(dir string) (*Report, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file; hub init needs a folder", dir)
	}
	_, noPackage := os.Stat(filepath.Join(dir, "package.json"))
	pl := &plan{root: dir}
	if err := planInit(pl, noPackage == nil); err != nil {
		return nil, err
	}
	mod, err := readModule(dir)
	if err != nil && !errors.Is(err, errNoModule) {
		return nil, err
	}
	files, written := pl.carryOut()
	if written != nil {
		return nil, written
	}
	r := &Report{Files: files, Verify: "hub check"}
	if err != nil {
		r.Steps = append(r.Steps, "go mod init example.com/NAME")
	}
	r.Steps = append(r.Steps, mod.steps()...)
	if first, err := firstSteps(dir); err != nil {
		return nil, err
	} else if first {
		r.Steps = append(r.Steps, "hub new channel FEATURE NAME SCOPE")
	}
	return r, nil
}

func planInit(pl *plan, typeScript bool) error {
	text, err := render("buf.yaml", nil)
	if err != nil {
		return err
	}
	if err := pl.whole("buf.yaml", text); err != nil {
		return err
	}
	// With package.json or without: who adds it later need not hear of it.
	variants := map[bool][]byte{}
	for _, with := range []bool{false, true} {
		if variants[with], err = render("buf.gen.yaml", map[string]bool{"TypeScript": with}); err != nil {
			return err
		}
	}
	if err := pl.whole("buf.gen.yaml", variants[typeScript], variants[!typeScript]); err != nil {
		return err
	}
	empty, err := render("hub.yaml", map[string]string{"Channels": noChannelsLine})
	if err != nil {
		return err
	}
	served, err := render("hub.yaml", map[string]string{"Channels": channelsLine})
	if err != nil {
		return err
	}
	if err := pl.whole("hub.yaml", empty, served); err != nil {
		return err
	}
	readme, err := render("README.md", nil)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
	}{
		{"third_party/hub/README.md", readme},
		{"third_party/hub/hub/v1/channel.proto", protos.Channel},
		{"third_party/hub/buf/validate/validate.proto", protovalidate.Validate},
		{"third_party/hub/buf/validate/LICENSE", protovalidate.License},
		// Git keeps no empty folder.
		{"proto/.gitkeep", []byte{}},
		{"internal/features/.gitkeep", []byte{}},
	} {
		if err := pl.whole(f.name, f.text); err != nil {
			return err
		}
	}
	return nil
}

// firstSteps tells whether there is no channel yet.
func firstSteps(dir string) (bool, error) {
	none := true
	err := fs.WalkDir(os.DirFS(filepath.Join(dir, protoDir)), ".", func(name string, _ fs.DirEntry, err error) error {
		if filepath.Ext(name) == ".proto" {
			none = false
			return fs.SkipAll
		}
		return err
	})
	return none, err
}
