package wire

import (
	"testing"
	"unsafe"
)

// An idle connection is its Conn, a membership and a place in three lists. Of
// the allocator's size classes, 208, 224 and 240, it has the second: a field
// beyond it costs each of many thousands 16 bytes, so it needs a reason.
func TestAConnectionStaysInItsSizeClass(t *testing.T) {
	const class = 224
	if n := unsafe.Sizeof(Conn{}); n > class {
		t.Errorf("a Conn has %d bytes, its size class %d", n, class)
	}
}

// Thousands of operations wait in a burst.
func TestAnOperationIsSmall(t *testing.T) {
	const most = 72
	if n := unsafe.Sizeof(op{}); n > most {
		t.Errorf("an operation has %d bytes, at most %d", n, most)
	}
}
