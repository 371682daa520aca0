package postgres

import (
	pg "github.com/sqlc-dev/oliphant"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// walk calls visit for each message of a tree, from the root down. Visit says whether to go below.
func walk(root any, visit func(message any) bool) {
	if m, ok := root.(interface{ ProtoReflect() protoreflect.Message }); ok && m.ProtoReflect().IsValid() {
		walkMessage(m.ProtoReflect(), visit)
	}
}

func walkMessage(m protoreflect.Message, visit func(message any) bool) {
	if !visit(m.Interface()) {
		return
	}
	below(m, func(child protoreflect.Message) { walkMessage(child, visit) })
}

// below calls each for the messages right below one, in the order of their fields.
func below(m protoreflect.Message, each func(child protoreflect.Message)) {
	if _, ok := m.Interface().(*pg.Node); ok {
		// It has one of hundreds of fields.
		if field := m.WhichOneof(m.Descriptor().Oneofs().Get(0)); field != nil {
			each(m.Get(field).Message())
		}
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() == nil || !m.Has(field) {
			continue
		}
		if !field.IsList() {
			each(m.Get(field).Message())
			continue
		}
		list := m.Get(field).List()
		for j := range list.Len() {
			each(list.Get(j).Message())
		}
	}
}

// strip takes the places in the text out of a tree, so that two trees of one meaning are equal.
func strip(root *pg.ParseResult) {
	walk(root, func(message any) bool {
		m := message.(interface{ ProtoReflect() protoreflect.Message }).ProtoReflect()
		for _, name := range places {
			if field := m.Descriptor().Fields().ByName(name); field != nil {
				m.Clear(field)
			}
		}
		return true
	})
}

// places are the fields that hold a place in the text.
var places = []protoreflect.Name{
	"location", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end",
}
