package schema_test

import (
	"fmt"
	"testing"

	"github.com/realtime-hub/hub/hub/schema"
)

// What a broadcast pays once, whatever the number of browsers.
func BenchmarkPayload(b *testing.B) {
	m := payload(b, schema.Config{}, "all.ruled")
	in := []byte(`{"firstName":"x","first":1,"last":2,"items":[{"displayName":"one","perCent":50},{"displayName":"two","perCent":50}],` +
		`"byKey":{"a":{"displayName":"x"}},"onlyItem":{"displayName":"x"},"a":"some text","other-name":"renamed"}`)
	inAny := inAny(b, m, string(in))
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(in)))
		for b.Loop() {
			if _, err := m.FromJSON(in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(inAny.GetValue())))
		for b.Loop() {
			if _, err := m.FromAny(inAny); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1, 200} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("blog.feed%d", i)
		}
		dir := tree(b, map[string]string{"t.proto": head + declareAll(names...)})
		b.Run(fmt.Sprintf("channels=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := schema.New(schema.Config{}).Load(b.Context(), dir); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
