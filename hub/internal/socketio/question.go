package socketio

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// maxPairs is what a question has of headers and of cookies.
const maxPairs = 128

// question is what a worker needs to say who a session is: what the browser
// sent with its handshake and its CONNECT. Of headers and cookies of one name
// the first counts.
func (r *Request) question(auth []byte) *hubv1.Authenticate {
	ask := &hubv1.Authenticate{Headers: map[string]string{}, Cookies: map[string]string{}, RemoteAddress: r.RemoteAddr}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name != "Cookie" && len(ask.GetHeaders()) < maxPairs {
			ask.Headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(r.Header[name], ", "), "")
		}
	}
	for _, cookie := range (&http.Request{Header: r.Header}).Cookies() {
		if _, has := ask.GetCookies()[cookie.Name]; !has && len(ask.GetCookies()) < maxPairs {
			ask.Cookies[cookie.Name] = strings.ToValidUTF8(cookie.Value, "")
		}
	}
	if len(auth) > 0 {
		object := &structpb.Struct{}
		if (protojson.UnmarshalOptions{RecursionLimit: maxArgumentDepth}).Unmarshal(auth, object) == nil { // else the worker sees none
			ask.Auth = object
		}
	}
	return ask
}
