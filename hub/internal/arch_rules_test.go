package internal_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// inspect tells what of the packages is not as planned, a line for each.
func inspect(house plan, packages []pkg) []string {
	var findings []string
	for _, p := range packages {
		for _, rule := range []func(plan, pkg) []string{
			mindFloors, mindGuests, mindStreet, mindWalls, mindWeight, mindNames, mindSizes, mindComments,
		} {
			for _, finding := range rule(house, p) {
				findings = append(findings, p.ImportPath+": "+finding)
			}
		}
	}
	return findings
}

// mindFloors: a room imports downwards, by a stair, or the street. Tests of a
// room may bring other rooms in: only what ships is bound.
func mindFloors(house plan, p pkg) []string {
	here := house.floorOf(p.ImportPath)
	if here < 0 {
		if house.guestOf(p.ImportPath) == nil && !below(p.ImportPath, house.street) {
			return []string{"has no floor: give it one in hub/README.md and in arch_plan_test.go"}
		}
		return nil
	}
	var findings []string
	for _, path := range p.Imports {
		there := house.floorOf(path)
		switch {
		case there >= 0 && there < here, house.stairs[p.ImportPath] == path, below(path, house.street):
		case there > here:
			findings = append(findings, fmt.Sprintf("imports %s, upwards (%s to %s): declare an interface here that server hands over",
				path, house.floors[here].name, house.floors[there].name))
		case there == here:
			findings = append(findings, fmt.Sprintf("imports %s, sideways on the floor of %s", path, house.floors[here].name))
		case house.guestOf(path) != nil:
			findings = append(findings, fmt.Sprintf("imports %s, which is outside the house", path))
		}
	}
	return findings
}

// mindGuests: who is outside uses the house by its public rooms.
func mindGuests(house plan, p pkg) []string {
	guest := house.guestOf(p.ImportPath)
	if house.floorOf(p.ImportPath) >= 0 || guest == nil {
		return nil
	}
	var findings []string
	check := func(imports []string, also ...string) {
		for _, path := range imports {
			ours := house.floorOf(path) >= 0 || house.guestOf(path) != nil
			own := house.guestOf(path) == guest
			if ours && !own && !belowAny(path, guest.may) && !belowAny(path, also) {
				findings = append(findings, fmt.Sprintf("imports %s; %s may import %v", path, guest.at, guest.may))
			}
		}
	}
	check(p.Imports)
	check(p.tests(), "hub/hubtest", "sdk/go/hubtest", "examples/blog/gen")
	return findings
}

// mindStreet: what is generated stands on nothing of ours but its like.
func mindStreet(house plan, p pkg) []string {
	var findings []string
	if !below(p.ImportPath, house.street) {
		return nil
	}
	for _, path := range p.Imports {
		if house.floorOf(path) >= 0 || house.guestOf(path) != nil {
			findings = append(findings, "is generated and imports "+path)
		}
	}
	return findings
}

func mindWalls(house plan, p pkg) []string {
	var findings []string
	for _, wall := range house.walls {
		if belowAny(p.ImportPath, wall.open) {
			continue
		}
		imports := slices.Clone(p.Imports)
		if wall.tests {
			imports = append(imports, p.tests()...)
		}
		for _, path := range imports {
			if belowAny(path, wall.what) && !belowAny(path, wall.but) {
				findings = append(findings, fmt.Sprintf("imports %s: %s", path, wall.why))
			}
		}
	}
	return findings
}

// mindWeight: the light packages, themselves and not what is below them, reach
// nothing heavy.
func mindWeight(house plan, p pkg) []string {
	var findings []string
	if !slices.Contains(house.light, p.ImportPath) {
		return nil
	}
	for _, path := range p.Deps {
		if belowAny(path, house.heavy) {
			findings = append(findings, fmt.Sprintf("reaches %s and must stay light (go list -deps, go mod why)", path))
		}
	}
	return findings
}

func mindNames(house plan, p pkg) []string {
	for _, name := range []string{strings.TrimSuffix(p.Name, "_test"), path.Base(p.ImportPath)} {
		if slices.Contains(house.names, name) {
			return []string{fmt.Sprintf("is called %s, which says nothing of what it is for", name)}
		}
	}
	return nil
}

func mindSizes(house plan, p pkg) []string {
	var findings []string
	for _, f := range p.files {
		if f.lines > house.maxLines && !f.test && !f.generated {
			findings = append(findings, fmt.Sprintf("%s has %d lines, more than %d", f.name, f.lines, house.maxLines))
		}
	}
	return findings
}

func mindComments(_ plan, p pkg) []string {
	written := slices.ContainsFunc(p.files, func(f file) bool { return !f.generated })
	if written && strings.TrimSpace(p.Doc) == "" {
		return []string{"has no package comment"}
	}
	return nil
}

// floorOf is the floor's number from the ground, or -1.
func (h plan) floorOf(path string) int {
	return slices.IndexFunc(h.floors, func(f floor) bool { return slices.Contains(f.rooms, path) })
}

// guestOf is the guest whose subtree, the innermost, the path is in, or nil.
func (h plan) guestOf(path string) *guest {
	var found *guest
	for i, g := range h.guests {
		if below(path, g.at) && (found == nil || len(g.at) > len(found.at)) {
			found = &h.guests[i]
		}
	}
	return found
}

func (p pkg) tests() []string { return slices.Concat(p.TestImports, p.XTestImports) }

// below tells whether path is tree or in it.
func below(path, tree string) bool {
	return path == tree || strings.HasPrefix(path, tree+"/")
}

func belowAny(path string, trees []string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool { return below(path, tree) })
}
