package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/examples/sqlc/store"
)

type queries = store.Queries

// The sentences that a test looks for.
const (
	newFollower = "A new follower of account 1 drops the count of account 1 and leaves account 2 alone."
	movedRow    = "A follower moves from account 1 to 2. The statement does not name account 1, its count goes too."
	rolledBack  = "A rollback drops nothing, since nothing has changed."
	sound       = "Every answer of the cache was the database's, and each came from where it should."
)

// tell makes a database of so many rows and runs the story on it. Without a path the file is a temporary one.
func tell(ctx context.Context, out io.Writer, path string, rows int) (err error) {
	if path == "" {
		folder, err := os.MkdirTemp("", "moneyclip-sqlc-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		path = filepath.Join(folder, "story.db")
	}
	start := time.Now()
	db, err := makeDatabase(ctx, path, rows)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()

	w, err := newWitness(ctx, db, &table{out: out})
	if err != nil {
		return err
	}
	w.table.note("%s rows, made in %s", thousands(rows), elapsed(time.Since(start)))
	w.table.header()
	for _, chapter := range []func(*witness){
		readTwice, writeOneKey, moveRows, followForeignKeys, updateInBulk, repopulate,
		commit, rollBack, rememberAbsence, cascade, writeElsewhere,
	} {
		chapter(w)
	}
	w.askAllAgain()
	if err := w.race(rows); err != nil {
		return err
	}
	w.totals()
	return w.verdict()
}

func readTwice(w *witness) {
	w.table.heading("The first read of a key goes to the database, the second is answered from memory.")
	ask(w, theDatabase, (*queries).FollowersCount, 1)
	ask(w, theCache, (*queries).FollowersCount, 1)
	ask(w, theDatabase, (*queries).FollowersCount, 2)
	ask(w, theCache, (*queries).FollowersCount, 2)
}

func writeOneKey(w *witness) {
	w.table.heading(newFollower)
	change(w, (*queries).Follow, store.FollowParams{AccountID: 1, Name: "newcomer"}, touches{"FollowersCount": exact})
	ask(w, theDatabase, (*queries).FollowersCount, 1)
	ask(w, theCache, (*queries).FollowersCount, 1)
	ask(w, theCache, (*queries).FollowersCount, 2)
}

func moveRows(w *witness) {
	w.table.heading(movedRow)
	ask(w, theDatabase, (*queries).FollowersCount, 3)
	change(w, (*queries).MoveFollower, store.MoveFollowerParams{AccountID: 2, ID: 4},
		touches{"FollowersCount": afterReading})
	ask(w, theDatabase, (*queries).FollowersCount, 1)
	ask(w, theDatabase, (*queries).FollowersCount, 2)
	ask(w, theCache, (*queries).FollowersCount, 3)

	w.table.heading("A document changes its creator: one has a document less, the other one more.")
	ask(w, theDatabase, (*queries).DocumentsOfUser, 43)
	ask(w, theDatabase, (*queries).DocumentsOfUser, 5)
	ask(w, theDatabase, (*queries).DocumentsOfUser, 6)
	change(w, (*queries).GiveDocument, store.GiveDocumentParams{CreatedBy: 5, ID: 42},
		touches{"DocumentsOfUser": afterReading, "document": exact})
	ask(w, theDatabase, (*queries).DocumentsOfUser, 43)
	ask(w, theDatabase, (*queries).DocumentsOfUser, 5)
	ask(w, theCache, (*queries).DocumentsOfUser, 6)
}

func followForeignKeys(w *witness) {
	w.table.heading("One rule serves every select of one user. Books have no rule, so theirs is never cached.")
	document := ask(w, theDatabase, (*queries).GetDocument, 42)
	ask(w, theDatabase, (*queries).GetUser, document.CreatedBy)
	ask(w, theDatabase, (*queries).GetUserName, document.CreatedBy)
	ask(w, theDatabase, (*queries).GetBook, document.BookID)
	ask(w, theCache, (*queries).GetDocument, 42)
	ask(w, theCache, (*queries).GetUser, document.CreatedBy)
	ask(w, theCache, (*queries).GetUserName, document.CreatedBy)
	ask(w, theDatabase, (*queries).GetBook, document.BookID)

	w.table.heading("The user takes another name: one key holds both selects, both are gone.")
	change(w, (*queries).RenameUser, store.RenameUserParams{Name: "Grace", ID: document.CreatedBy},
		touches{"user": exact})
	ask(w, theDatabase, (*queries).GetUser, document.CreatedBy)
	ask(w, theDatabase, (*queries).GetUserName, document.CreatedBy)
}

func updateInBulk(w *witness) {
	w.table.heading("A bulk update that names no user: the users of one domain go, those of others stay.")
	ask(w, theDatabase, (*queries).GetUser, 21)
	ask(w, theDatabase, (*queries).GetUser, 41)
	ask(w, theDatabase, (*queries).GetUser, 22)
	change(w, (*queries).RenameDomain, store.RenameDomainParams{NewDomain: "x.example", OldDomain: "group1.example"},
		touches{"user": afterReading})
	ask(w, theDatabase, (*queries).GetUser, 21)
	ask(w, theDatabase, (*queries).GetUser, 41)
	ask(w, theCache, (*queries).GetUser, 22)

	w.table.heading("A book is archived: its documents go. Its totals stay, they do not read what is assigned.")
	ask(w, theDatabase, (*queries).GetDocument, 36)
	ask(w, theDatabase, (*queries).GetDocument, 37)
	ask(w, theDatabase, (*queries).BookTotals, 7)
	archivedAt := sql.NullTime{Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Valid: true}
	change(w, (*queries).ArchiveBook, store.ArchiveBookParams{ArchivedAt: archivedAt, BookID: 7},
		touches{"document": afterReading})
	ask(w, theDatabase, (*queries).GetDocument, 36)
	ask(w, theCache, (*queries).GetDocument, 37)
	ask(w, theCache, (*queries).BookTotals, 7)
}

func repopulate(w *witness) {
	w.table.heading("An edit changes the totals of the book. The writer loads them again, so no reader has to.")
	change(w, (*queries).EditDocument, store.EditDocumentParams{Title: "Epic", Words: 90_000, ID: 36},
		touches{"document": exact, "BookTotals": afterReading})
	w.awaitReload("BookTotals")
	ask(w, theCache, (*queries).BookTotals, 7)
	ask(w, theDatabase, (*queries).GetDocument, 36)
}

func commit(w *witness) {
	w.table.heading("A transaction sees its own write, the others see the old value until it commits.")
	before := ask(w, theCache, (*queries).FollowersCount, 3)
	if !w.begin() {
		return
	}
	change(w, (*queries).Follow, store.FollowParams{AccountID: 3, Name: "early"}, touches{"FollowersCount": exact})
	inside := ask(w, theTransaction, (*queries).FollowersCount, 3)
	w.check(inside == before+1, "the transaction counts %d followers, want %d", inside, before+1)
	ask(w, theCache, (*queries).FollowersCount, 3)
	w.commit()
	ask(w, theDatabase, (*queries).FollowersCount, 3)
}

func rollBack(w *witness) {
	w.table.heading(rolledBack)
	before := ask(w, theCache, (*queries).FollowersCount, 3)
	if !w.begin() {
		return
	}
	change(w, (*queries).Follow, store.FollowParams{AccountID: 3, Name: "never"}, touches{"FollowersCount": exact})
	inside := ask(w, theTransaction, (*queries).FollowersCount, 3)
	w.check(inside == before+1, "the transaction counts %d followers, want %d", inside, before+1)
	w.rollback()
	ask(w, theCache, (*queries).FollowersCount, 3)
}

func rememberAbsence(w *witness) {
	w.table.heading("That a handle is free is cached as well, until somebody takes it.")
	ask(w, theDatabase, (*queries).GetAccountByHandle, "zoe")
	ask(w, theCache, (*queries).GetAccountByHandle, "zoe")
	change(w, (*queries).CreateAccount, store.CreateAccountParams{Handle: "zoe", Name: "Zoe"},
		touches{"GetAccountByHandle": exact})
	ask(w, theDatabase, (*queries).GetAccountByHandle, "zoe")
	ask(w, theCache, (*queries).GetAccountByHandle, "zoe")
}

func cascade(w *witness) {
	w.table.heading("A user is deleted. The foreign key deletes the user's documents, and their keys go with them.")
	ask(w, theDatabase, (*queries).GetUser, 8)
	ask(w, theDatabase, (*queries).DocumentsOfUser, 8)
	ask(w, theDatabase, (*queries).GetDocument, 7)
	ask(w, theDatabase, (*queries).GetDocument, 9)
	ask(w, theDatabase, (*queries).BookTotals, 8)
	change(w, (*queries).DeleteUser, 8, touches{
		"user": exact, "DocumentsOfUser": exact,
		"document": afterReading, "BookTotals": afterReading,
	})
	w.awaitReload("BookTotals")
	ask(w, theDatabase, (*queries).GetUser, 8)
	ask(w, theDatabase, (*queries).DocumentsOfUser, 8)
	ask(w, theDatabase, (*queries).GetDocument, 7)
	ask(w, theCache, (*queries).GetDocument, 9)
	ask(w, theCache, (*queries).BookTotals, 8)
}

func writeElsewhere(w *witness) {
	w.table.heading("Another program writes past the driver. It takes one call to say so.")
	ask(w, theCache, (*queries).GetUser, 22)
	_, err := store.New(w.db.plain).RenameUser(w.ctx, store.RenameUserParams{Name: "Hal", ID: 22})
	w.check(err == nil, "writing past the driver: %v", err)
	err = moneyclip.Invalidate(w.ctx, w.db.cached, "user", 22)
	w.check(err == nil, "invalidating: %v", err)
	w.table.note(`moneyclip.Invalidate(ctx, db, "user", 22)`)
	ask(w, theDatabase, (*queries).GetUser, 22)
}

// verdict is the story's outcome.
func (w *witness) verdict() error {
	w.table.heading("The outcome.")
	if len(w.faults) > 0 {
		w.table.note("%d of %d expectations were not met.", len(w.faults), w.checks)
		return fmt.Errorf("%d of %d expectations were not met, the first: %s", len(w.faults), w.checks, w.faults[0])
	}
	w.table.note("%s expectations were met. %s", thousands(w.checks), sound)
	return nil
}
