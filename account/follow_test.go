package account

import "testing"

func TestChangesAccounts(t *testing.T) {
	for sql, want := range map[string][2]bool{ // alone, and where several may come
		"DROP USER 'eve'@'%'":                            {true, true},
		" drop /* x */ user if exists eve":               {true, true},
		"/*!80000 DROP USER eve */":                      {true, true},
		"RENAME USER a TO b":                             {true, true},
		"ALTER USER eve IDENTIFIED BY 'x'":               {true, true},
		"SET PASSWORD = 'x'":                             {true, true},
		"CREATE USER eve":                                {true, true},
		"CREATE OR REPLACE USER eve":                     {true, true},
		"SELECT 1; DROP USER eve":                        {false, true},
		"SELECT ';'; SELECT `;`; SET PASSWORD = 'x'":     {false, true},
		"DROP TABLE user; RENAME TABLE a TO b":           {false, false},
		"SELECT 'DROP USER eve'":                         {false, false},
		"SELECT '; DROP USER eve":                        {false, false},
		"SET @x = 1":                                     {false, false},
		"CREATE OR REPLACE VIEW user AS SELECT 1":        {false, false},
		"ALTER TABLE user ADD x INT":                     {false, false},
		"":                                               {false, false},
		"; ; DROP USER eve":                              {false, true},
		"DROP":                                           {false, false},
		"-- DROP USER eve":                               {false, false},
		"-- x\nDROP USER eve":                            {true, true},
		"INSERT INTO t VALUES ('a\\';b'); DROP USER eve": {false, true},
	} {
		for i, several := range []bool{false, true} {
			if got := ChangesAccounts([]byte(sql), several); got != want[i] {
				t.Errorf("%q, several %v: %v", sql, several, got)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { ChangesAccounts([]byte("SELECT 1; SELECT 2"), true) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestSetsOwnPassword(t *testing.T) {
	for sql, want := range map[string]bool{
		"SET PASSWORD = PASSWORD('x')":                    true,
		"set password to random":                          true,
		"SET PASSWORD FOR eve = 'x'":                      true,
		"SET PASSWORD FOR 'eve'@'%' = 'x'":                true,
		"SET PASSWORD FOR CURRENT_USER() = 'x'":           true,
		"ALTER USER USER() IDENTIFIED BY 'x'":             true,
		"ALTER USER IF EXISTS `eve`@`%` IDENTIFIED BY ''": true,
		"ALTER USER eve ACCOUNT LOCK":                     false,
		"ALTER USER bob IDENTIFIED BY 'x'":                false,
		"SET PASSWORD FOR bob = 'x'":                      false,
		"SET @password = 1":                               false,
		"ALTER TABLE eve ADD identified INT":              false,
		"":                                                false,
	} {
		if got := SetsOwnPassword([]byte(sql), "eve"); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}

func FuzzFollow(f *testing.F) {
	for _, seed := range []string{"DROP USER eve", "SELECT ';'; SET PASSWORD FOR eve = 'x'", "ALTER USER IF EXISTS `e", "/*!50000 x", "CREATE OR"} {
		f.Add([]byte(seed), "eve")
	}
	f.Fuzz(func(t *testing.T, sql []byte, user string) {
		if ChangesAccounts(sql, false) && !ChangesAccounts(sql, true) {
			t.Error("what one statement does, several do")
		}
		SetsOwnPassword(sql, user)
	})
}
