package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sqlc-dev/marino/ast"
	"github.com/sqlc-dev/marino/mysql"
)

func (s *draft) createTable(n *ast.CreateTableStmt) error {
	if n.TemporaryKeyword != ast.TemporaryNone {
		return nil
	}
	name, old, err := s.table(n.Table)
	if err != nil {
		return err
	}
	if s.replaces {
		s.drop(name)
	} else if old != nil {
		if n.IfNotExists || old.opaque != "" {
			return nil
		}
		return fmt.Errorf("there is already a table %s", name)
	}
	t := &relation{name: name, engine: "InnoDB", collation: s.collation}
	s.tables = append(s.tables, t)
	if n.ReferTable != nil {
		return s.like(t, n.ReferTable)
	}
	t.options(s, n.Options)
	if n.Select != nil {
		t.opaque = "its columns are those of a SELECT"
	}
	for _, def := range n.Cols {
		t.columns = append(t.columns, t.attribute(s, def))
	}
	var faults []error
	for _, def := range n.Cols {
		faults = append(faults, t.columnConstraints(def))
	}
	for _, c := range n.Constraints {
		faults = append(faults, t.constrain(c))
	}
	for _, fault := range faults {
		if fault != nil {
			return fault
		}
	}
	return nil
}

func (s *draft) like(t *relation, from *ast.TableName) error {
	other, err := s.existing(from)
	if err != nil {
		t.opaque = "it is like a table that is not known"
		return err
	}
	t.engine, t.collation, t.opaque = other.engine, other.collation, other.opaque
	for _, c := range other.columns {
		t.columns = append(t.columns, new(*c))
	}
	for _, i := range other.indexes {
		t.indexes = append(t.indexes, new(*i))
	}
	return nil
}

// options takes in the engine and the collation of a table.
func (t *relation) options(s *draft, options []*ast.TableOption) {
	for _, o := range options {
		switch o.Tp {
		case ast.TableOptionEngine:
			t.engine = o.StrValue
		case ast.TableOptionCharset:
			t.collation = s.defaultCollation(o.StrValue)
		case ast.TableOptionCollate:
			t.collation = o.StrValue
		}
	}
	if len(options) == 0 || options[0].Tp != ast.TableOptionCharset || options[0].UintValue != ast.TableOptionCharsetWithConvertTo {
		return
	}
	for _, c := range t.columns { // CONVERT TO
		if c.collation != "" {
			c.collation = t.collation
		}
	}
}

func (t *relation) column(name string) *attribute {
	for _, c := range t.columns {
		if c.name == name {
			return c
		}
	}
	return nil
}

// attribute is the column that a definition makes.
func (t *relation) attribute(s *draft, def *ast.ColumnDef) *attribute {
	c := &attribute{name: def.Name.Name.L, typ: def.Tp.InfoSchemaStr(), value: nil}
	if mysql.HasZerofillFlag(def.Tp.GetFlag()) && !strings.HasSuffix(c.typ, " unsigned") {
		c.typ += " unsigned"
	}
	switch def.Tp.GetType() {
	case mysql.TypeString, mysql.TypeVarchar, mysql.TypeVarString, mysql.TypeTinyBlob, mysql.TypeBlob, mysql.TypeMediumBlob,
		mysql.TypeLongBlob, mysql.TypeEnum, mysql.TypeSet:
		c.collation = t.collation
		if charset := def.Tp.GetCharset(); charset != "" {
			c.collation = s.defaultCollation(charset)
		}
		if collate := def.Tp.GetCollate(); collate != "" {
			c.collation = collate
		}
	}
	for _, o := range def.Options {
		switch o.Tp {
		case ast.ColumnOptionNotNull, ast.ColumnOptionPrimaryKey:
			c.notNull = true
		case ast.ColumnOptionNull:
			c.notNull = false
		case ast.ColumnOptionAutoIncrement:
			c.extra, c.notNull = "auto_increment", true
		case ast.ColumnOptionCollate:
			c.collation = o.StrValue
		case ast.ColumnOptionDefaultValue:
			c.setDefault(o.Expr)
		case ast.ColumnOptionOnUpdate:
			c.extra = strings.TrimSpace(c.extra + " on update CURRENT_TIMESTAMP")
		case ast.ColumnOptionGenerated:
			c.extra = "VIRTUAL GENERATED"
			if o.Stored {
				c.extra = "STORED GENERATED"
			}
		}
	}
	if c.collation == "binary" {
		c.collation = ""
	}
	if mysql.HasBinaryFlag(def.Tp.GetFlag()) && c.collation != "" {
		charset, _, _ := strings.Cut(c.collation, "_")
		c.collation = charset + "_bin"
	}
	return c
}

// setDefault notes a default as information_schema shows it.
func (c *attribute) setDefault(e ast.ExprNode) {
	c.value = nil
	c.extra = strings.TrimPrefix(c.extra, "DEFAULT_GENERATED ")
	negative := false
	if u, ok := e.(*ast.UnaryOperationExpr); ok && u.Op.String() == "minus" {
		negative, e = true, u.V
	}
	v, ok := e.(ast.ValueExpr)
	if !ok {
		c.value, c.extra = "an expression", strings.TrimSpace("DEFAULT_GENERATED "+c.extra)
		return
	}
	switch value := v.GetValue().(type) {
	case nil:
	case bool:
		c.value = "0"
		if value {
			c.value = "1"
		}
	case ast.BinaryLit:
		if c.collation == "" {
			c.value, c.extra = "an expression", strings.TrimSpace("DEFAULT_GENERATED "+c.extra) // a number, or bits
			return
		}
		c.value = value.ToString()
	default:
		text := fmt.Sprint(value)
		if b, ok := value.([]byte); ok {
			text = string(b)
		}
		if negative {
			text = "-" + text
		}
		c.value = text
	}
}

// columnConstraints are those that stand with a column.
func (t *relation) columnConstraints(def *ast.ColumnDef) error {
	for _, o := range def.Options {
		c := &ast.Constraint{Keys: []*ast.IndexPartSpecification{{Column: def.Name, Length: -1}}}
		switch o.Tp {
		case ast.ColumnOptionPrimaryKey:
			c.Tp = ast.ConstraintPrimaryKey
		case ast.ColumnOptionUniqKey:
			c.Tp = ast.ConstraintUniq
		case ast.ColumnOptionReference:
			c.Tp, c.Refer = ast.ConstraintForeignKey, o.Refer
		default:
			continue
		}
		if err := t.constrain(c); err != nil {
			return err
		}
	}
	return nil
}

// constrain adds a key of any kind.
func (t *relation) constrain(n *ast.Constraint) error {
	i := &index{name: strings.ToLower(n.Name)}
	for _, k := range n.Keys {
		name := ""
		if k.Expr == nil {
			name = k.Column.Name.L
			if t.column(name) == nil && t.opaque == "" {
				return fmt.Errorf("there is no column %s", name)
			}
		}
		i.columns, i.parts = append(i.columns, name), append(i.parts, k.Length > 0)
	}
	switch n.Tp {
	case ast.ConstraintPrimaryKey:
		i.name, i.unique = "primary", true
		for _, name := range i.columns {
			if c := t.column(name); c != nil {
				c.notNull = true
			}
		}
	case ast.ConstraintUniq, ast.ConstraintUniqKey, ast.ConstraintUniqIndex:
		i.unique = true
	case ast.ConstraintKey, ast.ConstraintIndex, ast.ConstraintFulltext, ast.ConstraintSpatial:
	case ast.ConstraintForeignKey:
		return t.refer(n, i.columns)
	default:
		return nil
	}
	t.addIndex(i, n.IfNotExists)
	return nil
}

func (t *relation) addIndex(i *index, ifNotExists bool) {
	has := func(name string) bool {
		return slices.ContainsFunc(t.indexes, func(other *index) bool { return other.name == name })
	}
	if i.name == "" {
		first := i.columns[0]
		if first == "" {
			first = "functional_index"
		}
		i.name = first
		for n := 2; has(i.name); n++ {
			i.name = fmt.Sprintf("%s_%d", first, n)
		}
	} else if has(i.name) && ifNotExists {
		return
	}
	t.indexes = append(t.indexes, i)
}

// referring :: action → as information_schema shows it
var referring = map[ast.ReferOptionType]string{
	ast.ReferOptionCascade: "CASCADE", ast.ReferOptionSetNull: "SET NULL", ast.ReferOptionSetDefault: "SET DEFAULT",
}

func (t *relation) refer(n *ast.Constraint, columns []string) error {
	k := &foreignKey{name: strings.ToLower(n.Name), columns: columns, parent: n.Refer.Table.Name.L}
	for _, p := range n.Refer.IndexPartSpecifications {
		k.parents = append(k.parents, p.Column.Name.L)
	}
	if len(k.parents) != len(columns) {
		return fmt.Errorf("a foreign key of %s does not fit %s", t.name, k.parent)
	}
	if n.Refer.OnDelete != nil {
		k.onDelete = referring[n.Refer.OnDelete.ReferOpt]
	}
	if n.Refer.OnUpdate != nil {
		k.onUpdate = referring[n.Refer.OnUpdate.ReferOpt]
	}
	if k.name == "" {
		t.numbers++
		k.name = fmt.Sprintf("%s_ibfk_%d", t.name, t.numbers)
	}
	t.keys = append(t.keys, k)
	return nil
}

func (s *draft) createIndex(n *ast.CreateIndexStmt) error {
	t, err := s.existing(n.Table)
	if err != nil {
		return err
	}
	c := &ast.Constraint{Tp: ast.ConstraintIndex, Name: n.IndexName, Keys: n.IndexPartSpecifications, IfNotExists: n.IfNotExists}
	if n.KeyType == ast.IndexKeyTypeUnique {
		c.Tp = ast.ConstraintUniq
	}
	return t.constrain(c)
}

func rank(spec *ast.AlterTableSpec) int {
	if spec.Tp == ast.AlterTableDropPrimaryKey {
		return 0
	}
	return 1
}
