package hubtest_test

import (
	"testing"

	"github.com/realtime-hub/hub/hub/hubtest"
)

func BenchmarkStart(b *testing.B) {
	for name, opts := range map[string][]hubtest.Option{"channels=none": nil, "channels=blog": {blog}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if failed, _ := watch(func(tb *probe) { hubtest.Start(tb, opts...) }); failed != "" {
					b.Fatal(failed)
				}
			}
		})
	}
}

// A browser that connects and is closed.
func BenchmarkBrowser(b *testing.B) {
	h := hubtest.Start(b)
	b.ReportAllocs()
	for b.Loop() {
		if failed, _ := watch(func(tb *probe) { h.Browser(tb) }); failed != "" {
			b.Fatal(failed)
		}
	}
}
