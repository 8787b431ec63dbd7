package schema_test

import (
	"errors"
	"reflect"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// The doors hold generated requests to their rules and tell it as here.
func TestBrokenRulesOfRequestsAreToldInJSONNames(t *testing.T) {
	for _, row := range []struct {
		request proto.Message
		want    []fault.Violation
	}{
		{&hubv1.GetChannelRequest{}, []fault.Violation{{Field: "channel", Rule: "string.min_bytes", Message: "must be at least 1 bytes"}}},
		{&hubv1.ListSessionsRequest{Limit: 1001}, []fault.Violation{{Field: "limit", Rule: "uint32.lte", Message: "must be less than or equal to 1000"}}},
		{&hubv1.DisconnectSessionRequest{Sessions: &hubv1.SessionSelector{By: &hubv1.SessionSelector_UserId{}}}, []fault.Violation{
			{Field: "sessions.userId", Rule: "string.min_bytes", Message: "must be at least 1 bytes"},
		}},
		{&hubv1.DisconnectSessionRequest{Sessions: &hubv1.SessionSelector{}}, []fault.Violation{
			{Field: "sessions.by", Rule: "required", Message: "exactly one field is required in oneof"},
		}},
		{&hubv1.InboundOptions{Scope: &hubv1.Scope{Kind: &hubv1.Scope_Role{Role: &hubv1.RoleScope{AnyOf: []string{""}}}}}, []fault.Violation{
			{Field: "scope.role.anyOf[0]", Rule: "string.min_bytes", Message: "must be at least 1 bytes"},
		}},
	} {
		broken, ok := errors.AsType[*protovalidate.ValidationError](protovalidate.Validate(row.request))
		if !ok {
			t.Errorf("%v breaks no rule", row.request)
			continue
		}
		if got := schema.Violations(broken); !reflect.DeepEqual(got, row.want) {
			t.Errorf("it is %+v,\nnot %+v", got, row.want)
		}
	}
}

func TestJSONProblemsAreToldInWords(t *testing.T) {
	for in, want := range map[string]string{
		`{"chanel":"x"}`: `unknown field "chanel" (line 1, column 2)`,
		`{"channel":1}`:  `invalid value for string field channel: 1 (line 1, column 12)`,
		`{"channel":`:    `the JSON ends too early`,
		"{\n\t\"x":       `the JSON ends too early`,
		`null`:           `unexpected token null (line 1, column 1)`,
	} {
		err := protojson.Unmarshal([]byte(in), &hubv1.GetChannelRequest{})
		if err == nil || schema.JSONProblem(err) != want {
			t.Errorf("%s: %q, not %s", in, schema.JSONProblem(err), want)
		}
	}
}
