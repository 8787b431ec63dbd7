package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/realtime-hub/hub/hub/schema"
	"github.com/realtime-hub/hub/hub/schema/compare"
)

// maxArchive bounds what is read from git: protos are small.
const maxArchive = 256 << 20

// against tells what the channels of now break for those of before, which are at a
// path or at a git ref.
func (p *program) against(ctx context.Context, before string, config *configuration, now *schema.Snapshot, asJSON bool) error {
	paths, done, err := earlier(ctx, before, config.server.Channels)
	defer done()
	if err != nil {
		return err
	}
	old := config.server
	old.Channels = paths
	was, err := declared(ctx, old)
	if err != nil {
		return fmt.Errorf("--against %s: %w", before, err)
	}
	found := compare.Channels(was.Channels(), now.Channels())
	if asJSON {
		err = writeFindingsJSON(p.stdout, found)
	} else {
		err = p.writeFindings(found)
	}
	if err == nil && compare.Fails(found) {
		return errSaid
	}
	return err
}

// earlier is where the former declarations are: a path that exists, or what the
// channels' paths were at a git ref, in a directory that done removes.
func earlier(ctx context.Context, before string, channels []string) (paths []string, done func(), err error) {
	done = func() {}
	if _, err := os.Stat(before); err == nil {
		return []string{before}, done, nil
	}
	if len(channels) == 0 {
		return nil, done, usageError{errors.New("--against needs channels to compare: --channels, or channels in hub.yaml")}
	}
	root, err := os.MkdirTemp("", "hub-against-")
	if err != nil {
		return nil, done, err
	}
	done = func() { _ = os.RemoveAll(root) } // the system clears it otherwise
	for i, path := range channels {
		to := filepath.Join(root, fmt.Sprint(i))
		if err := checkout(ctx, before, path, to); err != nil {
			return nil, done, fmt.Errorf("--against %s is no path, and no git ref that has %s: %w", before, path, err)
		}
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			to = filepath.Join(to, filepath.Base(path))
		}
		paths = append(paths, to)
	}
	return paths, done, nil
}

// checkout writes what a path was at a git ref.
func checkout(ctx context.Context, ref, path, to string) error {
	if strings.HasPrefix(ref, "-") {
		return errors.New("a ref does not begin with a dash")
	}
	dir, what := path, "."
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir, what = filepath.Dir(path), filepath.Base(path)
	}
	cmd := exec.CommandContext(ctx, "git", "-C", dir, "archive", "--format=tar", ref, "--", what) //nolint:gosec // the user's own; no shell
	var archive, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &archive, &complaint
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(complaint.String()); text != "" {
			return errors.New(text)
		}
		return err
	}
	return unpack(&archive, to)
}

// unpack writes an archive's regular files below a directory.
func unpack(archive io.Reader, to string) error {
	root, err := makeRoot(to)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	left := int64(maxArchive)
	for files := tar.NewReader(archive); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if left -= header.Size; left < 0 {
			return errors.New("it is more than 256 MiB; is that the folder of the protos?")
		}
		if err := writeFile(root, header.Name, files); err != nil {
			return err
		}
	}
}

// makeRoot is a directory that no name leads out of.
func makeRoot(at string) (*os.Root, error) {
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(at)
}

func writeFile(root *os.Root, name string, content io.Reader) error {
	if dir := filepath.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// writeFindings is a table, and what follows from it.
func (p *program) writeFindings(found []compare.Finding) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(p.stdout, "nothing changes for anybody")
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	stops := 0
	for _, f := range found {
		if f.Severity.Fails() {
			stops++
		}
		row := []string{f.Severity.String(), f.Channel, or(f.Field, "-"), string(f.Kind), f.Whom.String(), f.Message}
		fmt.Fprintln(table, printable(strings.Join(row, "\t")))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if stops > 0 {
		p.sayf("hub: %s somebody, or concern security", count(stops, "finding would break", "findings would break"))
	}
	return nil
}

// writeFindingsJSON prints an array, also of nothing.
func writeFindingsJSON(w io.Writer, found []compare.Finding) error {
	list := make([]json.RawMessage, len(found))
	for i, f := range found {
		data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(f.Proto())
		if err != nil {
			return err
		}
		list[i] = data
	}
	return json.NewEncoder(w).Encode(list)
}
