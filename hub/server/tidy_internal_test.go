package server

import (
	"sync"
	"testing"
	"weak"
)

func TestMemoryIsGivenBackOnceAfterAStorm(t *testing.T) {
	given := 0
	tidy := &tidier{giveUp: func() { given++ }}
	look := func(seconds int, connects uint64) {
		for range seconds {
			tidy.look(connects)
		}
	}
	look(100, 0)
	look(1, 10)
	look(100, 10) // a few are not worth it
	for n := range uint64(100) {
		look(1, 10+100*n) // never quiet
	}
	if given != 0 {
		t.Fatalf("given back %d times without a storm's end", given)
	}
	look(tidyQuiet-1, 10+100*99)
	if given != 0 {
		t.Fatal("given back early")
	}
	look(1000, 10+100*99)
	if given != 1 {
		t.Fatalf("given back %d times after one storm", given)
	}
	look(1, 20_000)
	look(100, 20_000)
	if given != 2 {
		t.Errorf("given back %d times after two storms", given)
	}
}

// What a pool of net/http's holds would stay for as long as nobody connects.
func TestPoolsAreGivenBackToo(t *testing.T) {
	var pool sync.Pool
	buffer := new([4 << 10]byte)
	alive := weak.Make(buffer)
	pool.Put(buffer)
	collect()
	if alive.Value() != nil {
		t.Error("the buffer is still there")
	}
}
