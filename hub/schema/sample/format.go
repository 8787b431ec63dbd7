package sample

import (
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
)

// format is a well-known one of texts: some that are, some that are not but look
// like it, where a text can grow, and as many as are needed that differ.
type format struct {
	frame     frame
	good, bad []string
	nth       func(int) string
}

// formatOf is the name of the rule; empty: none.
func formatOf(r *validate.StringRules) string {
	m := r.ProtoReflect()
	set := m.WhichOneof(m.Descriptor().Oneofs().ByName("well_known"))
	if set == nil {
		return ""
	}
	name := string(set.Name())
	if name == "well_known_regex" && r.GetWellKnownRegex() == validate.KnownRegex_KNOWN_REGEX_HTTP_HEADER_VALUE {
		return "header_value"
	}
	return name
}

func numbered(pattern string) func(int) string {
	return func(i int) string { return fmt.Sprintf(pattern, i) }
}

func ipv4(i int) string { return fmt.Sprintf("10.1.%d.%d", i/250, i%250+1) }

var formats = map[string]format{
	"email": {
		frame{"ann@a", ".example"},
		[]string{"ann@example.com", "a.b+c_d-e@x.y.z", "o'neill@localhost"},
		[]string{"ann", "@example.com", "ann@", "a b@example.com", "ann@example.com ", "Ann <ann@example.com>", "ann@-example.com"},
		numbered("ann%d@example.com"),
	},
	"hostname": {
		frame{"a", ".example"},
		[]string{"example.com", "a-b.c", "EXAMPLE", "xn--bcher-kva.example", "example.com."},
		[]string{"-a.com", "a_b.com", "a..b", strings.Repeat("a", 64) + ".com", "1.2.3", "exämple.com", " example.com"},
		numbered("host%d.example"),
	},
	"ip": {
		frame{"10.0.0.", "1"},
		[]string{"127.0.0.1", "::1", "2001:db8::1", "fe80::1%eth0"},
		[]string{"256.0.0.1", "1.2.3", "::g", "127.0.0.1/8", "01.2.3.4", "[::1]"},
		ipv4,
	},
	"ipv4": {
		frame{"10.0.0.", "1"},
		[]string{"127.0.0.1", "255.255.255.255", "0.0.0.0"},
		[]string{"::1", "256.0.0.1", "1.2.3", "01.2.3.4", "127.0.0.1 "},
		ipv4,
	},
	"ipv6": {
		frame{"2001:db8::", "1"},
		[]string{"::1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0", "::"},
		[]string{"127.0.0.1", "::g", ":::1", "1:2:3:4:5:6:7:8:9", "[::1]"},
		numbered("2001:db8::%x"),
	},
	"uri": {
		frame{"https://example.com/", ""},
		[]string{"https://example.com/a?b=c#d", "mailto:ann@example.com", "urn:isbn:1", "http://[::1]:80/%20"},
		[]string{"/a", "example.com", "https://exa mple.com", "http://example.com/%zz", "1http://a", "http://[::1", "https://ex^ample.com/"},
		numbered("https://example.com/%d"),
	},
	"uri_ref": {
		frame{"./", ""},
		[]string{"./a", "https://example.com/a?b=c#d", "?q=1", "#f", "//example.com"},
		[]string{"a b", "./%zz", "http://[::1", "\\a", ":a", "./^"},
		numbered("./%d"),
	},
	"address": {
		frame{"a", ".example"},
		[]string{"example.com", "127.0.0.1", "::1"},
		[]string{"-a.com", "a_b.com", "1.2.3.256", "::g", "a..b"},
		numbered("host%d.example"),
	},
	"uuid": {
		frame{"123e4567-e89b-12d3-a456-", "426614174000"},
		[]string{"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "00000000-0000-0000-0000-000000000000"},
		[]string{"123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400", "g23e4567-e89b-12d3-a456-426614174000"},
		numbered("123e4567-e89b-12d3-a456-%012x"),
	},
	"tuuid": {
		frame{"123e4567e89b12d3", "a456426614174000"},
		[]string{"123e4567e89b12d3a456426614174000", "123E4567E89B12D3A456426614174000"},
		[]string{"123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a45642661417400", "g23e4567e89b12d3a456426614174000"},
		numbered("123e4567e89b12d3a456%012x"),
	},
	"ulid": {
		frame{"01ARZ3NDEKTSV4RR", "FFQ69G5FAV"},
		[]string{"01ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"},
		[]string{"81ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FA", "01ARZ3NDEKTSV4RRFFQ69G5FAU"},
		numbered("01ARZ3NDEKTSV4RR%010d"),
	},
	"ip_with_prefixlen": {
		frame{"10.0.0.1", "/8"},
		[]string{"10.0.0.1/8", "2001:db8::1/64"},
		[]string{"10.0.0.1", "10.0.0.1/33", "::1/129", "10.0.0.1/08", "/8"},
		func(i int) string { return ipv4(i) + "/24" },
	},
	"ipv4_with_prefixlen": {
		frame{"10.0.0.1", "/8"},
		[]string{"10.0.0.1/8", "10.0.0.1/32"},
		[]string{"::1/64", "10.0.0.1", "10.0.0.1/33"},
		func(i int) string { return ipv4(i) + "/24" },
	},
	"ipv6_with_prefixlen": {
		frame{"2001:db8::1", "/64"},
		[]string{"2001:db8::1/64", "::/0"},
		[]string{"10.0.0.1/8", "::1", "::1/129"},
		numbered("2001:db8::%x/64"),
	},
	"ip_prefix": {
		frame{"10.0.0.0", "/8"},
		[]string{"10.0.0.0/8", "2001:db8::/32"},
		[]string{"10.0.0.1/8", "2001:db8::1/32", "10.0.0.0", "10.0.0.0/33"},
		func(i int) string { return ipv4(i) + "/32" },
	},
	"ipv4_prefix": {
		frame{"10.0.0.0", "/8"},
		[]string{"10.0.0.0/8", "0.0.0.0/0"},
		[]string{"10.0.0.1/8", "2001:db8::/32", "10.0.0.0"},
		func(i int) string { return ipv4(i) + "/32" },
	},
	"ipv6_prefix": {
		frame{"2001:db8::", "/32"},
		[]string{"2001:db8::/32", "::/0"},
		[]string{"2001:db8::1/32", "10.0.0.0/8", "2001:db8::"},
		numbered("2001:db8::%x/128"),
	},
	"host_and_port": {
		frame{"a", ".example:80"},
		[]string{"example.com:80", "127.0.0.1:0", "[::1]:65535"},
		[]string{"example.com", "example.com:", "example.com:65536", "::1:80", "example.com:080", ":80"},
		numbered("host%d.example:80"),
	},
	"protobuf_fqn": {
		frame{"hub.v1.", "A"},
		[]string{"hub.v1.Channel", "_a", "A1"},
		[]string{".hub.v1.Channel", "1a", "a..b", "a.", "a-b"},
		numbered("hub.v1.A%d"),
	},
	"protobuf_dot_fqn": {
		frame{".hub.v1.", "A"},
		[]string{".hub.v1.Channel", "._a"},
		[]string{"hub.v1.Channel", ".1a", ".a..b", "."},
		numbered(".hub.v1.A%d"),
	},
	"well_known_regex": {
		frame{"X-", "Id"}, // a comma: what implementations differ in
		[]string{"X-Request-Id", ":path", "a"},
		[]string{"a,b", "a b", "X:Y", "a\nb", "ä", "a\x00b"},
		numbered("X-Header-%d"),
	},
	"header_value": {
		frame{"a", ""},
		[]string{"text/html; charset=utf-8", "a\tb", "ä"},
		[]string{"a\x01b", "a\nb", "a\x00b", "\x7f"},
		numbered("value %d"),
	},
}
