package postgres

import "github.com/moneyclip/moneyclip/internal/query"

// meanings is what the analysis of a statement must be told of PostgreSQL.
var meanings = &query.Dialect{
	Casts:     isHarmless,
	Generated: true,
	Short:     true,
}
