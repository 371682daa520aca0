package mysql

import (
	"context"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// answers are what a server says to the queries of the catalog.
type answers map[string][][]driver.Value

func (a answers) ask(_ context.Context, query string, _ ...driver.Value) ([][]driver.Value, error) {
	return a[query], nil
}

// row makes a row of words; "-" is NULL.
func row(words string) []driver.Value {
	var out []driver.Value
	for _, word := range strings.Split(words, "|") {
		switch word {
		case "-":
			out = append(out, nil)
		default:
			out = append(out, []byte(word))
		}
	}
	return out
}

func table(list ...string) [][]driver.Value {
	var out [][]driver.Value
	for _, words := range list {
		out = append(out, row(words))
	}
	return out
}

// shop is a database on MariaDB.
func shop() answers {
	return answers{
		databaseQuery: table("shop|0|10.11.6-MariaDB"),
		tablesQuery: table("users|BASE TABLE|InnoDB", "books|BASE TABLE|InnoDB", "log|BASE TABLE|InnoDB", "old|BASE TABLE|MyISAM",
			"names|VIEW|-", "pairs|VIEW|-", "calling|VIEW|-", "hidden|VIEW|-", "seq|SEQUENCE|InnoDB", "odd.name|BASE TABLE|InnoDB"),
		columnsQuery: table(
			"users|id|int(11)|-|NO|-|auto_increment", "users|Name|varchar(20)|utf8mb4_general_ci|NO|-|",
			"users|city|varchar(20)|utf8mb4_bin|YES|NULL|", "users|changed|datetime|-|YES|current_timestamp()|on update current_timestamp()",
			"users|opens|time|-|YES|NULL|",
			"books|id|bigint(20) unsigned|-|NO|-|", "books|user_id|int(11)|-|NO|-|", "books|title|varchar(20)|utf8mb4_general_ci|YES|'it''s'|",
			"books|pages|int(11)|-|YES|7|", "books|twice|int(11)|-|YES|NULL|STORED GENERATED",
			"log|id|int(11)|-|NO|-|auto_increment", "log|what|varchar(20)|utf8mb4_general_ci|YES|NULL|",
			"old|a|int(11)|-|YES|NULL|",
			"names|user|int(11)|-|NO|0|", "names|called|varchar(20)|utf8mb4_general_ci|NO|-|",
			"pairs|id|int(11)|-|NO|0|", "pairs|title|varchar(20)|utf8mb4_general_ci|YES|NULL|",
			"calling|x|int(11)|-|YES|NULL|", "hidden|x|int(11)|-|YES|NULL|", "seq|next|bigint(21)|-|NO|-|",
		),
		keysQuery: table("books|PRIMARY|id|-", "books|part|title|3", "users|PRIMARY|id|-", "users|Name|Name|-",
			"log|PRIMARY|id|-"),
		foreignKeysQuery: table("shop|books|fk|user_id|users|id|CASCADE|SET NULL", "other|pets|fk|owner|users|id|CASCADE|RESTRICT"),
		viewsQuery: table("pairs|select `shop`.`u`.`id` AS `id`,`shop`.`books`.`title` AS `title` from (`shop`.`users` `u` join `shop`.`books` on(`shop`.`books`.`user_id` = `shop`.`u`.`id`))",
			"calling|select `f`(`shop`.`users`.`id`) AS `x` from `shop`.`users`", "hidden|",
			"names|select `shop`.`users`.`id` AS `user`,`shop`.`users`.`Name` AS `called` from `shop`.`users` where `shop`.`users`.`city` = 'Rome'"),
		triggersQuery: table(
			"users|INSERT|BEFORE|SET NEW.name = trim(NEW.name)|STRICT_TRANS_TABLES|shop",
			"books|DELETE|AFTER|BEGIN DECLARE id INT; IF OLD.pages > 1 THEN INSERT INTO log (what) VALUES (OLD.title); ELSE UPDATE users SET city = 'x' WHERE users.id = OLD.user_id; END IF; END||shop",
			"books|UPDATE|AFTER|CALL p(NEW.id)||shop",
		),
		routinesQuery: table("f", "Lower"),
		grantsQuery:   table("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"),
	}
}

func catalogOf(t testing.TB, a answers) *moneyclip.Catalog {
	t.Helper()
	c, err := Dialect.Catalog(context.Background(), a.ask)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
