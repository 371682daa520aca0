//go:build !go1.27

package moneyclip

import (
	"context"
	"database/sql/driver"
)

// Before Go 1.27 database/sql fills all destinations itself. See scan_go127.go.

const scanForm = ""

type scanning struct{}

func scans(driver.Rows) bool { return false }

func isFailed(driver.Value) bool { return false }

func nextValues(rows driver.Rows, dest []driver.Value) error { return rows.Next(dest) }

func (*scanning) serve(_ context.Context, _ *conn, rows allRows, _ *readPlan, _ []driver.NamedValue, _ *stmt) driver.Rows {
	return rows
}

// returned serves the rows of a write. If it is early, they are read to their end before the caller gets them.
func (c *conn) returned(r *returning, early bool) driver.Rows {
	if early {
		r.fetch()
	}
	return r
}
