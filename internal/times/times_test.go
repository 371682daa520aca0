package times

import "testing"

// A quarantine that is renewed every third of its time survives one renewal that takes as long as it may, and one that
// fails.
func TestRenewalsFit(t *testing.T) {
	if Quarantine/3 <= Store {
		t.Errorf("a step of %v does not fit between two renewals of a quarantine of %v", Store, Quarantine)
	}
	if Lease <= Store {
		t.Errorf("a lease of %v ends before a step of %v", Lease, Store)
	}
	if Unknown <= Quarantine {
		t.Errorf("an unknown outcome is held for %v, less than a quarantine of %v", Unknown, Quarantine)
	}
}
