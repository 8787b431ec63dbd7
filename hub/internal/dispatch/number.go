package dispatch

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
)

const (
	idDigits = 13 // of 2⁶⁴ to the base of 36
	idBase   = 36
)

// numbers are what one stream's deliveries, or its questions, are called. They
// count up from where nobody guesses: so an id that the stream was never given,
// another stream's say, is told from one that is late, or answered twice.
type numbers struct{ first, last uint64 }

func newNumbers() numbers {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	n := binary.BigEndian.Uint64(b[:]) >> 2
	return numbers{first: n, last: n}
}

func (n *numbers) next() string {
	n.last++
	return id(n.last)
}

// given tells whether text is one of them.
func (n *numbers) given(text string) bool {
	i, err := strconv.ParseUint(text, idBase, 64)
	return err == nil && i > n.first && i <= n.last && text == id(i)
}

// id is of equal length, so that ids sort as they count.
func id(n uint64) string {
	var b [idDigits]byte
	for i := range b {
		b[i] = '0'
	}
	digits := strconv.AppendUint(make([]byte, 0, idDigits), n, idBase)
	copy(b[idDigits-len(digits):], digits)
	return string(b[:])
}
