package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// The limits of hub.v1.Identity.
const (
	maxUserIDBytes = 256
	maxRoles       = 64
	maxRoleBytes   = 128
)

// lastSecond is 9999-12-31T23:59:59Z, the last that a protobuf Timestamp can tell.
const lastSecond = 253402300799

// claims are a token's, with numbers as they were written: a float64 would
// round a tenant's 9007199254740993 to its neighbour's.
type claims struct{ jwt.MapClaims }

// UnmarshalJSON refuses invalid UTF-8 anywhere. encoding/json would replace it
// by U+FFFD, which makes different users the same.
func (c *claims) UnmarshalJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("the claims are not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(&c.MapClaims)
}

// lookup finds a claim by its name, else by its dotted path; nil: there is
// none. The name goes first: names with dots, as https://id.example/roles, are
// common.
func (c *claims) lookup(name string) any {
	if value, present := c.MapClaims[name]; present {
		return value
	}
	var at any = map[string]any(c.MapClaims)
	for segment := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[segment]
	}
	return at
}

// date reads a NumericDate. Dates before 1970 and after 9999 count as those,
// which changes no comparison. What is present but no number is refused, null
// and 0 included: read as absent it would make a token that never ends.
func (c *claims) date(name string) (at time.Time, present bool, refusal *fault.Error) {
	value, present := c.MapClaims[name]
	if !present {
		return time.Time{}, false, nil
	}
	number, _ := value.(json.Number)
	seconds, err := number.Float64()
	if err != nil {
		return time.Time{}, false, invalid(name, "is not a date in seconds since 1970")
	}
	whole, fraction := math.Modf(min(max(seconds, 0), lastSecond))
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))).UTC(), true, nil
}

// check compares what the configuration demands, and the dates that begin.
func (v *verifier) check(c *claims) *fault.Error {
	if issuer, _ := c.MapClaims["iss"].(string); v.issuer != "" && issuer != v.issuer {
		return invalid("iss", "names another issuer than this hub trusts")
	}
	if v.audience != "" && !c.isFor(v.audience) {
		return invalid("aud", "does not name this hub; ask the issuer for a token for it")
	}
	if refusal := c.begun("nbf", v.now().Add(clockLeeway)); refusal != nil {
		return refusal
	}
	return c.begun("iat", v.now().Add(clockLeeway))
}

func (c *claims) begun(name string, now time.Time) *fault.Error {
	begins, present, refusal := c.date(name)
	if refusal == nil && present && now.Before(begins) {
		refusal = invalid(name, "is in the future; compare the issuer's clock with the hub's")
	}
	return refusal
}

// isFor tells whether aud, a string or a list, has the audience.
func (c *claims) isFor(audience string) bool {
	switch aud := c.MapClaims["aud"].(type) {
	case string:
		return aud == audience
	case []any:
		return slices.Contains(aud, any(audience))
	}
	return false
}

// identity reads who the token is about. It does not compare the end.
func (v *verifier) identity(c *claims) (Identity, *fault.Error) {
	user, _ := c.MapClaims["sub"].(string)
	if !readable(user, maxUserIDBytes) {
		return Identity{}, invalid("sub",
			fmt.Sprintf("must be the user's id: a string of 1 to %d bytes without control characters", maxUserIDBytes))
	}
	ends, _, refusal := c.date("exp")
	if refusal != nil {
		return Identity{}, refusal
	}
	roles, refusal := c.roles(v.roles)
	if refusal != nil {
		return Identity{}, refusal
	}
	return Identity{UserID: user, Roles: roles, Attributes: c.attributes(v.attributes), ExpiresAt: ends}, nil
}

// roles are each once, in their order. A claim that is absent or null gives
// none; one that cannot be read is refused rather than taken for none, or a
// mistake in the issuer's configuration would look like missing rights.
func (c *claims) roles(name string) ([]string, *fault.Error) {
	var listed []any
	switch value := c.lookup(name).(type) {
	case nil:
		return nil, nil
	case string:
		for role := range strings.FieldsSeq(value) {
			listed = append(listed, role)
		}
	case []any:
		listed = value
	default:
		return nil, invalid(name, "must hold the roles: a list of strings, or one string of them separated by spaces")
	}
	var roles []string
	for _, value := range listed {
		role, _ := value.(string)
		if !readable(role, maxRoleBytes) {
			return nil, invalid(name, fmt.Sprintf("has a role that is not a string of 1 to %d bytes without control characters", maxRoleBytes))
		}
		if slices.Contains(roles, role) {
			continue
		}
		if len(roles) == maxRoles {
			return nil, invalid(name, fmt.Sprintf("has more than %d roles", maxRoles))
		}
		roles = append(roles, role)
	}
	return roles, nil
}

func (c *claims) attributes(names []string) map[string]string {
	var out map[string]string
	for _, name := range names {
		var text string
		switch value := c.lookup(name).(type) {
		case string:
			text = value
		case json.Number:
			text = value.String()
		case bool:
			text = strconv.FormatBool(value)
		default:
			continue
		}
		if out == nil {
			out = make(map[string]string, len(names))
		}
		out[name] = text
	}
	return out
}

// readable tells whether a text can be an id or a role. Control characters
// could forge a line of a log. U+FFFD is what is left of a broken escape, as
// \ud800: two broken ids would be one user.
func readable(text string, maxBytes int) bool {
	return len(text) >= 1 && len(text) <= maxBytes && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unicode.IsControl) && !strings.ContainsRune(text, unicode.ReplacementChar)
}

// invalid is a genuine token that does not do. It names the claim, never its value.
func invalid(claim, problem string) *fault.Error {
	return fault.New(fault.CredentialsInvalid, fmt.Sprintf("the token's claim %s %s", claim, problem))
}
