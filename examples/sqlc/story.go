package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moneyclip/moneyclip"
)

// The sentences that a test looks for.
const (
	newFollower = "A new follower of account 1 drops the count of account 1 and leaves account 2 alone."
	movedRow    = "A follower moves from account 1 to 2. The statement does not name account 1, its count goes too."
	rolledBack  = "A rollback drops nothing, since nothing has changed."
	sound       = "Every answer of the cache was the database's, and each came from where it should."
)

// tell makes a place for so many rows, runs the story in it, and leaves the place, or keeps it.
func tell(ctx context.Context, out io.Writer, e engine, rows int, keep bool) (err error) {
	if rows < minRows {
		return fmt.Errorf("%d rows are not enough for the story, it needs %d", rows, minRows)
	}
	start := time.Now()
	place, err := e.settle(ctx)
	if err != nil {
		return err
	}
	t := &table{out: out}
	defer func() {
		if keep {
			t.note("%s is kept", place.name)
			return
		}
		err = errors.Join(err, place.leave(context.WithoutCancel(ctx)))
	}()
	db, err := open(e, place.dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := makeTables(ctx, e, db.plain, rows); err != nil {
		return err
	}

	w, err := newWitness(ctx, db, t)
	if err != nil {
		return err
	}
	t.note("%s rows in %s, made in %s", thousands(rows), place.name, elapsed(time.Since(start)))
	if w.remote {
		if err := awaitStore(w); err != nil {
			return err
		}
	}
	t.header()
	chapters := []func(*witness){
		readTwice, writeOneKey, moveRows, followForeignKeys, updateInBulk, deleteInBulk, repopulate,
		commit, rollBack, rememberAbsence, generateID, cascade, writeElsewhere,
	}
	if w.remote {
		chapters = append(chapters, sideBySide)
	}
	for _, chapter := range chapters {
		if err := ctx.Err(); err != nil {
			return err
		}
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
	ask(w, theDatabase, store.FollowersCount, 1)
	ask(w, theCache, store.FollowersCount, 1)
	ask(w, theDatabase, store.FollowersCount, 2)
	ask(w, theCache, store.FollowersCount, 2)
}

func writeOneKey(w *witness) {
	w.table.heading(newFollower)
	w.expect(touches{"FollowersCount": exact})
	w.change(w.store.Follow(w.ctx, 1, "newcomer"))
	ask(w, theDatabase, store.FollowersCount, 1)
	ask(w, theCache, store.FollowersCount, 1)
	ask(w, theCache, store.FollowersCount, 2)
}

func moveRows(w *witness) {
	w.table.heading(movedRow)
	ask(w, theDatabase, store.FollowersCount, 3)
	w.expect(touches{"FollowersCount": afterReading})
	w.change(w.store.MoveFollower(w.ctx, 2, 4))
	ask(w, theDatabase, store.FollowersCount, 1)
	ask(w, theDatabase, store.FollowersCount, 2)
	ask(w, theCache, store.FollowersCount, 3)

	w.table.heading("A document changes its creator: one has a document less, the other one more.")
	ask(w, theDatabase, store.DocumentsOfUser, 43)
	ask(w, theDatabase, store.DocumentsOfUser, 5)
	ask(w, theDatabase, store.DocumentsOfUser, 6)
	w.expect(touches{"DocumentsOfUser": afterReading, "document": exact})
	w.change(w.store.GiveDocument(w.ctx, 5, 42))
	ask(w, theDatabase, store.DocumentsOfUser, 43)
	ask(w, theDatabase, store.DocumentsOfUser, 5)
	ask(w, theCache, store.DocumentsOfUser, 6)
}

func followForeignKeys(w *witness) {
	w.table.heading("One rule serves every select of one user. Books have no rule, so theirs is never cached.")
	document := ask(w, theDatabase, store.GetDocument, 42)
	ask(w, theDatabase, store.GetUser, document.CreatedBy)
	ask(w, theDatabase, store.GetUserName, document.CreatedBy)
	ask(w, theDatabase, store.GetBook, document.BookID)
	ask(w, theCache, store.GetDocument, 42)
	ask(w, theCache, store.GetUser, document.CreatedBy)
	ask(w, theCache, store.GetUserName, document.CreatedBy)
	ask(w, theDatabase, store.GetBook, document.BookID)

	w.table.heading("The user takes another name: one key holds both selects, both are gone.")
	w.expect(touches{"user": exact})
	w.change(w.store.RenameUser(w.ctx, "Grace", document.CreatedBy))
	ask(w, theDatabase, store.GetUser, document.CreatedBy)
	ask(w, theDatabase, store.GetUserName, document.CreatedBy)
}

func updateInBulk(w *witness) {
	w.table.heading("A bulk update that names no user: the users of one domain go, those of others stay.")
	ask(w, theDatabase, store.GetUser, 21)
	ask(w, theDatabase, store.GetUser, 41)
	ask(w, theDatabase, store.GetUser, 22)
	w.expect(touches{"user": afterReading})
	w.change(w.store.RenameDomain(w.ctx, "x.example", "group1.example"))
	ask(w, theDatabase, store.GetUser, 21)
	ask(w, theDatabase, store.GetUser, 41)
	ask(w, theCache, store.GetUser, 22)

	w.table.heading("A book is archived: its documents go. Its totals stay, they do not read what is assigned.")
	ask(w, theDatabase, store.GetDocument, 36)
	ask(w, theDatabase, store.GetDocument, 37)
	ask(w, theDatabase, store.BookTotals, 7)
	archivedAt := sql.NullTime{Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Valid: true}
	w.expect(touches{"document": afterReading})
	w.change(w.store.ArchiveBook(w.ctx, archivedAt, 7))
	ask(w, theDatabase, store.GetDocument, 36)
	ask(w, theCache, store.GetDocument, 37)
	ask(w, theCache, store.BookTotals, 7)
}

func deleteInBulk(w *witness) {
	w.table.heading("A bulk delete by the column of the key: all its rows have one key, which the statement names.")
	ask(w, theDatabase, store.FollowersCount, 12)
	w.expect(touches{"FollowersCount": exact})
	w.change(w.store.RemoveFollowersOf(w.ctx, 12))
	ask(w, theDatabase, store.FollowersCount, 12)
	ask(w, theCache, store.FollowersCount, 3)

	w.table.heading("A bulk delete by another column: the rows' accounts are read before they are gone.")
	w.expect(touches{"FollowersCount": afterReading})
	w.change(w.store.RemoveEarlyFollowers(w.ctx, 3))
	ask(w, theCache, store.FollowersCount, 1)
	ask(w, theDatabase, store.FollowersCount, 2)
	ask(w, theDatabase, store.FollowersCount, 3)
}

func repopulate(w *witness) {
	w.table.heading("An edit changes the totals of the book. The writer loads them again, so no reader has to.")
	w.expect(touches{"document": exact, "BookTotals": afterReading})
	w.change(w.store.EditDocument(w.ctx, "Epic", 90_000, 36))
	w.awaitReload("BookTotals")
	ask(w, theCache, store.BookTotals, 7)
	ask(w, theDatabase, store.GetDocument, 36)
}

func commit(w *witness) {
	w.table.heading("A transaction sees its own write, the others see the old value until it commits.")
	before := ask(w, theCache, store.FollowersCount, 3)
	if !w.begin() {
		return
	}
	w.expect(touches{"FollowersCount": exact})
	w.change(w.store.Follow(w.ctx, 3, "early"))
	inside := ask(w, theTransaction, store.FollowersCount, 3)
	w.check(inside == before+1, "the transaction counts %d followers, want %d", inside, before+1)
	ask(w, theCache, store.FollowersCount, 3)
	w.commit()
	ask(w, theDatabase, store.FollowersCount, 3)
}

func rollBack(w *witness) {
	w.table.heading(rolledBack)
	before := ask(w, theCache, store.FollowersCount, 3)
	if !w.begin() {
		return
	}
	w.expect(touches{"FollowersCount": exact})
	w.change(w.store.Follow(w.ctx, 3, "never"))
	inside := ask(w, theTransaction, store.FollowersCount, 3)
	w.check(inside == before+1, "the transaction counts %d followers, want %d", inside, before+1)
	w.rollback()
	ask(w, theCache, store.FollowersCount, 3)
}

func rememberAbsence(w *witness) {
	w.table.heading("That a handle is free is cached as well, until somebody takes it.")
	ask(w, theDatabase, store.GetAccountByHandle, "zoe")
	ask(w, theCache, store.GetAccountByHandle, "zoe")
	w.expect(touches{"GetAccountByHandle": exact})
	w.change(w.store.CreateAccount(w.ctx, "zoe", "Zoe"))
	ask(w, theDatabase, store.GetAccountByHandle, "zoe")
	ask(w, theCache, store.GetAccountByHandle, "zoe")

	w.table.heading("An upsert: whether it inserts or updates, it is the same key.")
	w.expect(touches{"GetAccountByHandle": exact})
	w.change(w.store.SaveAccount(w.ctx, "zoe", "Zoe the Second"))
	ask(w, theDatabase, store.GetAccountByHandle, "zoe")
}

func generateID(w *witness) {
	w.table.heading("The database makes the ids of users. That there was nobody of the next id goes with who gets it.")
	w.expect(touches{"user": afterReading})
	id := w.change(w.store.CreateUser(w.ctx, "Hank", "y.example"))
	ask(w, theDatabase, store.GetUser, id)
	ask(w, theDatabase, store.GetUser, id+1)
	ask(w, theCache, store.GetUser, id+1)
	w.expect(touches{"user": afterReading})
	next := w.change(w.store.CreateUser(w.ctx, "Ines", "y.example"))
	w.check(next == id+1, "the id after %d is %d", id, next)
	ask(w, theCache, store.GetUser, id)
	ask(w, theDatabase, store.GetUser, id+1)
}

func cascade(w *witness) {
	w.table.heading("A user is deleted. The foreign key deletes the user's documents, and their keys go with them.")
	ask(w, theDatabase, store.GetUser, 8)
	ask(w, theDatabase, store.DocumentsOfUser, 8)
	ask(w, theDatabase, store.GetDocument, 7)
	ask(w, theDatabase, store.GetDocument, 9)
	ask(w, theDatabase, store.BookTotals, 8)
	w.expect(touches{
		"user": exact, "DocumentsOfUser": exact,
		"document": afterReading, "BookTotals": afterReading,
	})
	w.change(w.store.DeleteUser(w.ctx, 8))
	w.awaitReload("BookTotals")
	ask(w, theDatabase, store.GetUser, 8)
	ask(w, theDatabase, store.DocumentsOfUser, 8)
	ask(w, theDatabase, store.GetDocument, 7)
	ask(w, theCache, store.GetDocument, 9)
	ask(w, theCache, store.BookTotals, 8)
}

func writeElsewhere(w *witness) {
	w.table.heading("Another program writes past the driver. It takes one call to say so.")
	ask(w, theCache, store.GetUser, 22)
	_, err := w.db.store(w.db.plain).RenameUser(w.ctx, "Hal", 22)
	w.check(err == nil, "writing past the driver: %v", err)
	err = moneyclip.Invalidate(w.ctx, w.db.cached, "user", 22)
	w.check(err == nil, "invalidating: %v", err)
	w.table.note(`moneyclip.Invalidate(ctx, db, "user", 22)`)
	ask(w, theDatabase, store.GetUser, 22)
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
