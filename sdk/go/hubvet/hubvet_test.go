package hubvet_test

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/realtime-hub/hub/sdk/go/hubvet"
)

// What each reports, and what not, is said in the sources by comments; those
// of the SDK there are stand-ins with its names.
func TestExportedHandlersAreReported(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), hubvet.Handlers(), "shop/handlers")
}

func TestTheLibraryIsReportedOutsideOfItsPackage(t *testing.T) {
	a := hubvet.Library()
	if err := a.Flags.Set("allow", "shop/legacy"); err != nil {
		t.Fatal(err)
	}
	analysistest.Run(t, analysistest.TestData(), a, "shop/feature", "shop/legacy")
}

func TestPayloadsInAnswersAreReported(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), hubvet.Replies(), "shop/reply")
}
