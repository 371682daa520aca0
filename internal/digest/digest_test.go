package digest

import "testing"

// Lists that differ have different digests, also where their texts together are the same.
func TestOf(t *testing.T) {
	seen := map[string][]string{}
	for _, list := range [][]string{nil, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"b", "a"}, {"1:a,"}, {"a,1:b"}, {"a", ""}, {"", "a"}} {
		d := Of(list...)
		if other, ok := seen[d]; ok || len(d) != 64 || Of(list...) != d {
			t.Errorf("%q and %q have the digest %s", list, other, d)
		}
		seen[d] = list
	}
}
