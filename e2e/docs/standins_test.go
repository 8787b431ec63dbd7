package docs_test

import (
	"os"
	"path/filepath"
)

// scripts stand in for commands of the documents; see the package's comment.
var scripts = map[string]string{
	// What the document wrote is laid over the real clone: so its packages are
	// built already, and `go run` is a build and an exec.
	"go": `
case "$*" in
"install ./cmd/hub") exit 0 ;;
"install ./cmd/hubvet") cd "$CLONE" && exec "$real" build -o "$(dirname "$0")/hubvet" ./cmd/hubvet ;;
"run ./cmd/hub "*) shift 2; exec hub "$@" ;;
"mod edit "*) exec "$real" "${@//$STAGE/$CLONE}" ;; # whose packages are built already
"get -tool "*) exec "$real" "$@@$(cd "$CLONE" && "$real" list -m -f '{{.Version}}' google.golang.org/protobuf)" ;;
"test "*) shift; exec "$real" test -race "$@" ;;
"run ./"*)
	if [[ $PWD != "$STAGE"* ]]; then # a module of its own
		shift; program=$(mktemp -d)/program
		"$real" build -race -o "$program" "$1"
		exec "$program" "${@:2}"
	fi
	here=$(realpath --relative-to="$STAGE" "$PWD") overlay=$(mktemp -d)
	sep=
	{
		printf '{"Replace":{'
		while read -r file; do
			printf '%s"%s":"%s"' "$sep" "$CLONE/$file" "$STAGE/$file"
			sep=,
		done < <(cd "$STAGE" && find . -path './_*' -name '*.go' | sed 's|^\./||')
		printf '}}'
	} >"$overlay/overlay.json"
	package=$2
	shift 2
	(cd "$CLONE" && "$real" build -race -overlay "$overlay/overlay.json" -o "$overlay/program" "./$here/$package")
	exec "$overlay/program" "$@" ;;
*) exec "$real" "$@" ;;
esac`,
	"npm": `
[[ $1 == install && $2 == --prefix ]] || { echo "npm $*: only npm install --prefix DIR NAME… is expected" >&2; exit 1; }
mkdir -p "$3/node_modules"
for name in "${@:4}"; do
	if [[ $name == /* ]]; then # a folder: sdk/ts
		mkdir -p "$3/node_modules/@realtime-hub"
		ln -sfn "$name" "$3/node_modules/@realtime-hub/client"
		continue
	fi
	[[ -d $CLONE/e2e/node_modules/$name ]] || { echo "npm: e2e has no $name" >&2; exit 1; }
	ln -sfn "$CLONE/e2e/node_modules/$name" "$3/node_modules/$name"
	if [[ $name == typescript ]]; then
		mkdir -p "$3/node_modules/.bin"
		ln -sfn ../typescript/bin/tsc "$3/node_modules/.bin/tsc"
	fi
done`,
	"make": `
case "$1" in
-C) PATH=${PATH#*:} "$real" "$@" >/dev/null ;; # in the real clone, by the real npm
demo) exec "$real" demo ARGS="--http $HUB_HTTP_ADDRESS --grpc $HUB_GRPC_ADDRESS" ;;
*) "$real" -n "$@" >/dev/null ;;
esac`,
	"apt-get": `
for name in "${@:2}"; do
	[[ $name == -* ]] || dpkg -s "$name" >/dev/null
done`,
	"buf": `exec "$(cd "$CLONE" && go tool -modfile=tools/go.mod -n buf)" "$@"`,
	// Debian's, whatever else is on the path: its packages are only there.
	"python3": `exec /usr/bin/python3 -u "$@"`,
}

func standIns(bin string) []error {
	var errs []error
	for name, script := range scripts {
		head := "#!/usr/bin/env bash\nset -euo pipefail\n" +
			"real=$(PATH=${PATH#*:} command -v " + name + " || true) # without the folder of this one\n"
		errs = append(errs, os.WriteFile(filepath.Join(bin, name), []byte(head+script+"\n"), 0o700))
	}
	return errs
}
