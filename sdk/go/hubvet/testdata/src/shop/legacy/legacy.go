package legacy

import _ "github.com/zishang520/socket.io/v3"
