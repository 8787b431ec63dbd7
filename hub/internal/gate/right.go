package gate

import "fmt"

// Right is what a backend may do.
type Right uint8

// The rights, by the names that hub.yaml has. The zero Right is none.
const (
	Broadcast    Right = iota + 1 // Broadcast, BroadcastBatch
	Handle                        // attach as a worker
	Authenticate                  // answer who a session is
	Authorize                     // answer whether a session may join
	Register                      // declare channels at run time
	Admin                         // AdminService beside RegisterChannels
)

var rightNames = map[Right]string{
	Broadcast: "BROADCAST", Handle: "HANDLE", Authenticate: "AUTHENTICATE",
	Authorize: "AUTHORIZE", Register: "REGISTER", Admin: "ADMIN",
}

// String is the name in upper case, as BROADCAST.
func (r Right) String() string {
	if name, ok := rightNames[r]; ok {
		return name
	}
	return fmt.Sprintf("RIGHT_%d", uint8(r))
}

// known tells whether r is one of the rights.
func (r Right) known() bool { return r >= Broadcast && r <= Admin }

// rights is a set of them. What is no right has a bit that is never set, or none.
type rights uint8

const allRights rights = 1<<Broadcast | 1<<Handle | 1<<Authenticate | 1<<Authorize | 1<<Register | 1<<Admin

func (s rights) has(r Right) bool { return s&(1<<r) != 0 }
