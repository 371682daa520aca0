package moneyclip

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParseTemplate(t *testing.T) {
	t.Parallel()
	for text, verbs := range map[string]string{
		"all":                               "",
		"account::followers::account-id-%d": "d",
		"%s":                                "s",
		"%v:%s-%d":                          "vsd",
		"%dd":                               "d",
		"id-%d5":                            "d",
		"é%sé":                              "s",
		"~%s":                               "s",
	} {
		got, err := parseTemplate(text)
		if err != nil {
			t.Errorf("%q: got error %v", text, err)
			continue
		}
		if got.text != text || string(got.verbs) != verbs || len(got.literals) != len(verbs)+1 {
			t.Errorf("%q: got the verbs %q between %q, want %q", text, got.verbs, got.literals, verbs)
		}
	}
}

func TestParseTemplateErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":             "the key is empty",
		"%":            `key "%": "%" is not a verb; the verbs are %d, %s and %v`,
		"user-%x":      `key "user-%x": "%x" is not a verb; the verbs are %d, %s and %v`,
		"user-%05d":    `key "user-%05d": "%0" is not a verb; the verbs are %d, %s and %v`,
		"100%%":        `key "100%%": "%%" is not a verb; the verbs are %d, %s and %v`,
		"%é":           `key "%é": "%é" is not a verb; the verbs are %d, %s and %v`,
		"%S":           `key "%S": "%S" is not a verb; the verbs are %d, %s and %v`,
		"%d%d":         `key "%d%d": two verbs need a literal between them, otherwise 1, 23 and 12, 3 would be one key`,
		"a-%s%v-b":     `key "a-%s%v-b": two verbs need a literal between them, otherwise 1, 23 and 12, 3 would be one key`,
		"user %d":      `key "user %d": blanks, control characters and broken UTF-8 are not allowed`,
		"user-%d\n":    `key "user-%d\n": blanks, control characters and broken UTF-8 are not allowed`,
		"\x00":         `key "\x00": blanks, control characters and broken UTF-8 are not allowed`,
		"user-%d-\x7f": `key "user-%d-\x7f": blanks, control characters and broken UTF-8 are not allowed`,
		"%s~":          `key "%s~": '~' cannot follow a verb`,
		"%s~%s":        `key "%s~%s": '~' cannot follow a verb`,
	} {
		_, err := parseTemplate(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got error %v, want %s", text, err, want)
		}
	}
}

func TestTemplateFill(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		template string
		data     []Datum
		want     string
	}{
		{"all", nil, "all"},
		{"account::followers::account-id-%d", []Datum{Int(42)}, "account::followers::account-id-42"},
		{"id-%d", []Datum{Int(-42)}, "id--42"},
		{"%d-%d", []Datum{Int(-1), Int(-2)}, "%2D1--2"},
		{"%d-%d", []Datum{Int(math.MinInt64), Int(math.MaxInt64)}, "%2D9223372036854775808-9223372036854775807"},
		{"%d5%d", []Datum{Int(15), Int(5)}, "1%3555"},
		{"user:%s", []Datum{Text("ann@example.com")}, "user:ann@example.com"},
		{"user:%s", []Datum{Text("Å b\n%")}, "user:%C3%85%20b%0A%25"},
		{"%s:%s", []Datum{Text("a:b"), Text("c:d")}, "a%3Ab:c:d"},
		{"%s-%s", []Datum{Text("a-b"), Text("c")}, "a%2Db-c"},
		{"%s-%s", []Datum{Text("a"), Text("b-c")}, "a-b-c"},
		{"%s", []Datum{Text("")}, ""},
		{"%s", []Datum{Text("~")}, "%7E"},
		{"%v", []Datum{Text("5")}, "~5"},
		{"%v", []Datum{Int(5)}, "5"},
		{"%v", []Datum{Bytes([]byte("5"))}, "~~5"},
		{"%v", []Datum{Bytes(nil)}, "~~"},
		{"%v", []Datum{Float(5)}, "5"},
		{"%v", []Datum{Float(1.5)}, "1.5"},
		{"%v.%v", []Datum{Float(1.5), Float(-2.5)}, "1%2E5.-2.5"},
		{"%v", []Datum{Text("1.5")}, "~1.5"},
		{"%v", []Datum{Float(1e300)}, "1e+300"},
		{"%v", []Datum{Text("1e+300")}, "~1e+300"},
		{"%v", []Datum{Float(math.NaN())}, "NaN"},
		{"%v", []Datum{Text("NaN")}, "~NaN"},
		{"%v", []Datum{Float(math.Inf(1))}, "+Inf"},
		{"%v", []Datum{Text("+Inf")}, "~+Inf"},
		{"%v", []Datum{Float(math.Copysign(0, -1))}, "0"},
		{"%s", []Datum{Text("2026-11-22")}, "~2026-11-22"},
		{"%s", []Datum{Text("2026-11-22T00:00:00Z")}, "2026-11-22T00:00:00Z"},
		{"%s", []Datum{Int(7)}, "7"},
	} {
		tmpl, err := parseTemplate(test.template)
		if err != nil {
			t.Errorf("%q: %v", test.template, err)
			continue
		}
		got, ok := tmpl.fill([]byte("before:"), test.data)
		if !ok || string(got) != "before:"+test.want {
			t.Errorf("%q with %+v: got %q (ok: %v), want %q", test.template, test.data, got, ok, "before:"+test.want)
		}
	}
}

func TestTemplateFillRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		template string
		data     []Datum
	}{
		{"%d", []Datum{Text("5")}},
		{"%d", []Datum{Bytes([]byte("5"))}},
		{"%d", []Datum{Float(5.5)}},
		{"%d", []Datum{Float(1e300)}},
		{"%d", []Datum{{}}},
		{"%s", []Datum{{}}},
		{"%v", []Datum{{}}},
		{"%d-%d", []Datum{Int(1), {}}},
	} {
		tmpl, err := parseTemplate(test.template)
		if err != nil {
			t.Errorf("%q: %v", test.template, err)
			continue
		}
		if got, ok := tmpl.fill(nil, test.data); ok {
			t.Errorf("%q with %+v: got %q, want none", test.template, test.data, got)
		}
	}
}

func TestDatumValue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		datum Datum
		want  any
	}{
		{Datum{}, nil},
		{Int(-1), int64(-1)},
		{Float(2), int64(2)},
		{Float(0.1), 0.1},
		{Float(math.MaxFloat64), math.MaxFloat64},
		{Float(1 << 63), float64(1 << 63)},
		{Float(-1 << 63), int64(math.MinInt64)},
		{Text("x"), "x"},
	} {
		if got := test.datum.value(); got != test.want {
			t.Errorf("%+v: got %#v, want %#v", test.datum, got, test.want)
		}
	}
	if got, ok := Bytes([]byte("x")).value().([]byte); !ok || string(got) != "x" {
		t.Errorf("Bytes: got %q, want %q", got, "x")
	}
}

// FuzzTemplate: whatever the text, it is refused or means something; and what it means fills.
func FuzzTemplate(f *testing.F) {
	// templates
	f.Add("account::followers::account-id-%d")
	f.Add("%v:%s-%d~")
	// what is none
	f.Add("%d%d")
	f.Add("%")
	f.Add("\xff%\xff")
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := parseTemplate(text)
		if err != nil {
			return
		}
		// What was parsed is what is there.
		var again strings.Builder
		data := make([]Datum, len(tmpl.verbs))
		for i, verb := range tmpl.verbs {
			again.WriteString(tmpl.literals[i] + "%" + string(verb))
			data[i] = Int(int64(i) - 1)
		}
		again.WriteString(tmpl.literals[len(tmpl.verbs)])
		if again.String() != text {
			t.Fatalf("got %q, want %q", again.String(), text)
		}
		if key, ok := tmpl.fill(nil, data); !ok || len(key) < len(text)-2*len(data) {
			t.Fatalf("fill: got %q, %v, want a key that holds the literals of %q", key, ok, text)
		}
	})
}

// fuzzDatum takes a Datum off the front of some bytes.
func fuzzDatum(b []byte) (Datum, []byte) {
	if len(b) == 0 {
		return Int(0), nil
	}
	kind, b := b[0], b[1:]
	if kind%5 < 2 {
		var number [8]byte
		n := copy(number[:], b)
		u := binary.LittleEndian.Uint64(number[:])
		if kind%5 == 0 {
			return Int(int64(u)), b[n:]
		}
		return Float(math.Float64frombits(u)), b[n:]
	}
	text, rest := b, []byte(nil)
	if i := bytes.IndexByte(b, 0xff); i >= 0 {
		text, rest = b[:i], b[i+1:]
	}
	switch kind % 5 {
	case 2:
		return Bytes(text), rest
	case 3:
		// The text that a number would be: the two must not meet.
		d, _ := fuzzDatum(append([]byte{kind / 5 % 2}, text...))
		tmpl := template{literals: []string{"", ""}, verbs: []byte{'v'}}
		key, _ := tmpl.fill(nil, []Datum{d})
		return Text(string(key)), rest
	}
	return Text(string(text)), rest
}

// FuzzFill: two lists of values give one key only if they are one list.
func FuzzFill(f *testing.F) {
	// the classics
	f.Add("%s-%s", []byte("\x04a-b\xff\x04c"), []byte("\x04a\xff\x04b-c"))
	f.Add("%v", []byte("\x045"), []byte("\x00\x05"))
	f.Add("%v", []byte("\x025"), []byte("\x045"))
	f.Add("%v", []byte("\x02"), []byte("\x04~~"))
	f.Add("%v", []byte("\x01\x00\x00\x00\x00\x00\x00\xf8\x3f"), []byte("\x041.5"))
	f.Add("%v", []byte("\x01\x00\x00\x00\x00\x00\x00\xf0\x7f"), []byte("\x04+Inf"))
	// literals that look like what values are escaped with
	f.Add("%s2%s", []byte("\x04 \xff\x04a"), []byte("\x04%20\xff\x04a"))
	f.Add("%v-%d", []byte("\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01"), []byte("\x04\xff\x00\x01"))
	f.Add("%d5%d", []byte("\x00\x0f\x00\x00\x00\x00\x00\x00\x00\x00\x05"), []byte("\x00\x01"))
	f.Fuzz(func(t *testing.T, text string, first, second []byte) {
		tmpl, err := parseTemplate(text)
		if err != nil {
			return
		}
		lists := [2][]Datum{}
		keys := [2][]byte{}
		for i, b := range [][]byte{first, second} {
			for range tmpl.verbs {
				var d Datum
				d, b = fuzzDatum(b)
				lists[i] = append(lists[i], d)
			}
			var ok bool
			if keys[i], ok = tmpl.fill(nil, lists[i]); !ok {
				return
			}
			for _, c := range bytes.TrimPrefix(keys[i], []byte(tmpl.literals[0])) {
				if c <= ' ' || c == 0x7f {
					t.Fatalf("%q with %+v: the key %q cannot be read", text, lists[i], keys[i])
				}
			}
		}
		if bytes.Equal(keys[0], keys[1]) != slices.Equal(lists[0], lists[1]) {
			t.Fatalf("%q: %+v gives %q, %+v gives %q", text, lists[0], keys[0], lists[1], keys[1])
		}
	})
}

// What a key was filled with can be read from it.
func TestKeyValues(t *testing.T) {
	t.Parallel()
	values := []Datum{Int(0), Int(-12), Int(math.MaxInt64), Float(1.5), Float(-1e300), Float(math.Inf(1)), Text(""), Text("5"), Text("a-b:c%~\x00é"), Text("NaN"), Text("~"), Bytes([]byte("5\xff-")), Bytes(nil)}
	for _, text := range []string{"k::%v-%v", "%v1%v", "%v--%vx", "a%%v:%v"} {
		template, err := parseTemplate(strings.ReplaceAll(text, "%%", "_"))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range values {
			for _, b := range values {
				want := []Datum{a, b}[:len(template.verbs)]
				key, ok := template.fill(nil, want)
				if !ok {
					t.Fatalf("%s: not filled with %v", text, want)
				}
				if got, ok := template.parse(string(key)); !ok || !slices.Equal(got, want) {
					t.Errorf("%s: got %v from %s, want %v", text, got, key, want)
				}
			}
		}
	}
	r := Rule{Key: "user::%d-%s"}
	if got, ok := r.KeyValues("user::7-~8"); !ok || got[0] != int64(7) || got[1] != "8" {
		t.Errorf("got %v, %v", got, ok)
	}
	for _, key := range []string{
		"", "user::", "user::7", "user::x-y", "other::7-8", "user::7-%zz", "user::7%2", "user::07-a",
		"user::7-Nancy", "user::7-1-2", "user::7-1.50", "user::7-Infinity", "user::7-1e5", "user::7--",
	} {
		if got, ok := r.KeyValues(key); ok {
			t.Errorf("%s: got %v", key, got)
		}
	}
}
