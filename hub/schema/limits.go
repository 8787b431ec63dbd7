package schema

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

const (
	// maxNesting bounds messages within messages. Full names grow with each
	// level, so that a few kilobytes of nesting would become gigabytes.
	maxNesting = 32
	// maxFullName is what ChannelInfo.message may carry; it also bounds what
	// a long package name costs with every field.
	maxFullName = 512
	// maxPublicImports bounds the paths along public imports, which protobuf
	// walks one by one: twenty files that import each other twice over are a
	// million of them.
	maxPublicImports = 10000
)

// checkLimits looks at a registered set before anything is built of it.
func checkLimits(set *descriptorpb.FileDescriptorSet, cfg Config) error {
	if size := proto.Size(set); size > cfg.MaxSetBytes {
		return tooLarge("has %d bytes; at most %d are allowed", size, cfg.MaxSetBytes)
	}
	if n := len(set.GetFile()); n > cfg.MaxSetFiles {
		return tooLarge("has %d files; at most %d are allowed", n, cfg.MaxSetFiles)
	}
	var count census
	for _, file := range set.GetFile() {
		if err := count.file(file); err != nil {
			return err
		}
	}
	if count.messages > cfg.MaxSetMessages {
		return tooLarge("has %d messages and enums; at most %d are allowed", count.messages, cfg.MaxSetMessages)
	}
	if count.fields > cfg.MaxSetFields {
		return tooLarge("has %d fields and enum values; at most %d are allowed", count.fields, cfg.MaxSetFields)
	}
	return checkPublicImports(set)
}

func tooLarge(format string, args ...any) error {
	return fault.New(fault.SchemaInvalid, "the set "+fmt.Sprintf(format, args...))
}

// census counts what descriptors are built of.
type census struct{ messages, fields int }

func (c *census) file(file *descriptorpb.FileDescriptorProto) error {
	for _, enum := range file.GetEnumType() {
		if err := c.enum(enum, len(file.GetPackage())); err != nil {
			return err
		}
	}
	for _, m := range file.GetMessageType() {
		if err := c.message(m, len(file.GetPackage()), 1); err != nil {
			return err
		}
	}
	for _, s := range file.GetService() {
		if err := checkFullName(len(file.GetPackage()) + 1 + len(s.GetName())); err != nil {
			return err
		}
		c.messages++
		c.fields += len(s.GetMethod())
	}
	c.fields += len(file.GetExtension())
	return nil
}

func (c *census) message(m *descriptorpb.DescriptorProto, scope, depth int) error {
	c.messages++
	c.fields += len(m.GetField()) + len(m.GetOneofDecl()) + len(m.GetExtension())
	scope += 1 + len(m.GetName())
	if err := checkFullName(scope); err != nil {
		return err
	}
	if depth > maxNesting {
		return tooLarge("nests messages deeper than %d levels", maxNesting)
	}
	for _, enum := range m.GetEnumType() {
		if err := c.enum(enum, scope); err != nil {
			return err
		}
	}
	for _, inner := range m.GetNestedType() {
		if err := c.message(inner, scope, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *census) enum(e *descriptorpb.EnumDescriptorProto, scope int) error {
	c.messages++
	c.fields += len(e.GetValue())
	return checkFullName(scope + 1 + len(e.GetName()))
}

func checkFullName(size int) error {
	if size > maxFullName {
		return tooLarge("has a full name of %d bytes; at most %d are allowed", size, maxFullName)
	}
	return nil
}

// checkPublicImports counts the paths along public imports from each file. A
// cycle is left to the linker, which names it.
func checkPublicImports(set *descriptorpb.FileDescriptorSet) error {
	files := make(map[string]*descriptorpb.FileDescriptorProto, len(set.GetFile()))
	for _, file := range set.GetFile() {
		files[file.GetName()] = file
	}
	paths := make(map[string]int, len(files))
	var walk func(name string) int
	walk = func(name string) int {
		if n, ok := paths[name]; ok {
			return n
		}
		paths[name] = 1 // for a cycle
		total := 1
		file := files[name]
		for _, i := range file.GetPublicDependency() {
			if i < 0 || int(i) >= len(file.GetDependency()) {
				continue // the linker refuses it
			}
			total = min(total+walk(file.GetDependency()[i]), maxPublicImports+1)
		}
		paths[name] = total
		return total
	}
	for name := range files {
		if walk(name) > maxPublicImports {
			return tooLarge("has more than %d paths of public imports from %q", maxPublicImports, name)
		}
	}
	return nil
}
