// Package mysqlerr owns the error numbers of MySQL and MariaDB that midas sends or recognises,
// and the SQLSTATE that servers send with each. A constant is named as the servers' own symbol
// is, without its prefix ER_ and its suffix _ERROR.
//
// It never says what an error means to midas: that is in the table of errors of each package
// that answers with them.
//
// Source: MySQL, "Server Error Message Reference"; MariaDB, "MariaDB Error Code Reference".
package mysqlerr

// The numbers that both kinds of server have.
const (
	ConCount                   uint16 = 1040
	Handshake                  uint16 = 1043
	DBAccessDenied             uint16 = 1044
	AccessDenied               uint16 = 1045
	UnknownCom                 uint16 = 1047
	BadNull                    uint16 = 1048
	BadDB                      uint16 = 1049
	ServerShutdown             uint16 = 1053
	BadField                   uint16 = 1054
	DupEntry                   uint16 = 1062
	Parse                      uint16 = 1064
	NoSuchThread               uint16 = 1094
	KillDenied                 uint16 = 1095
	Unknown                    uint16 = 1105
	UnknownCharacterSet        uint16 = 1115
	HostIsBlocked              uint16 = 1129
	HostNotPrivileged          uint16 = 1130
	TableAccessDenied          uint16 = 1142
	NoSuchTable                uint16 = 1146
	NetPacketTooLarge          uint16 = 1153
	NetPacketsOutOfOrder       uint16 = 1156
	NetRead                    uint16 = 1158
	NetReadInterrupted         uint16 = 1159 // a time limit passed
	KeyDoesNotExist            uint16 = 1176
	TooManyUserConnections     uint16 = 1203
	WrongArguments             uint16 = 1210
	UserLimitReached           uint16 = 1226
	SpecificAccessDenied       uint16 = 1227
	GlobalVariable             uint16 = 1228
	WrongValueForVar           uint16 = 1231
	NotSupportedYet            uint16 = 1235
	UnknownStmtHandler         uint16 = 1243
	NotSupportedAuthMode       uint16 = 1251
	UnknownCollation           uint16 = 1273
	UnsupportedPS              uint16 = 1295
	QueryInterrupted           uint16 = 1317
	ViewInvalid                uint16 = 1356
	ProcAccessDenied           uint16 = 1370
	CannotUser                 uint16 = 1396
	CantCreateUserWithGrant    uint16 = 1410
	ConnectToForeignDataSource uint16 = 1429
	RowIsReferenced2           uint16 = 1451
	NoReferencedRow2           uint16 = 1452
	MaxPreparedStmtCount       uint16 = 1461
	WrongStringLength          uint16 = 1470
	AccessDeniedNoPassword     uint16 = 1698
)

// The numbers of MySQL alone.
const (
	MalformedPacket         uint16 = 1835
	MustChangePasswordLogin uint16 = 1862
	ServerOfflineMode       uint16 = 3032
	UserLockWrongName       uint16 = 3057
	AccountLocked           uint16 = 3118
	InvalidJSONText         uint16 = 3140
	SecureTransportRequired uint16 = 3159
	UserDoesNotExist        uint16 = 3162
	UserAlreadyExists       uint16 = 3163
)

// The numbers of MariaDB alone.
const (
	NoSuchTableInEngine  uint16 = 1932
	MariaDBAccountLocked uint16 = 4151 // ER_ACCOUNT_HAS_BEEN_LOCKED
)

// The numbers of Azure Database for MySQL, as people report them.
const (
	AADValidateUser  uint16 = 9102 // CREATE AADUSER could not check the user
	AADTokenNotValid uint16 = 9106 // the token does not fit the user
)

// General is the SQLSTATE of every number that has none of its own.
const General = "HY000"

// LinkFailure is the SQLSTATE of a connection that failed, by which pools know that another
// attempt may succeed.
const LinkFailure = "08S01"

var states = map[uint16]string{
	ConCount:                "08004",
	Handshake:               LinkFailure,
	DBAccessDenied:          "42000",
	AccessDenied:            "28000",
	AccessDeniedNoPassword:  "28000",
	UnknownCom:              LinkFailure,
	BadDB:                   "42000",
	ServerShutdown:          LinkFailure,
	BadField:                "42S22",
	Parse:                   "42000",
	BadNull:                 "23000",
	DupEntry:                "23000",
	RowIsReferenced2:        "23000",
	NoReferencedRow2:        "23000",
	QueryInterrupted:        "70100",
	UnknownCharacterSet:     "42000",
	TableAccessDenied:       "42000",
	NoSuchTable:             "42S02",
	NetPacketTooLarge:       LinkFailure,
	NetPacketsOutOfOrder:    LinkFailure,
	NetRead:                 LinkFailure,
	NetReadInterrupted:      LinkFailure,
	KeyDoesNotExist:         "42000",
	TooManyUserConnections:  "42000",
	UserLimitReached:        "42000",
	SpecificAccessDenied:    "42000",
	WrongValueForVar:        "42000",
	NotSupportedYet:         "42000",
	NotSupportedAuthMode:    "08004",
	ProcAccessDenied:        "42000",
	MaxPreparedStmtCount:    "42000",
	CantCreateUserWithGrant: "42000",
	UserLockWrongName:       "42000",
	InvalidJSONText:         "22032",
}

// State returns the SQLSTATE that servers send with number: General for one that is not listed
// here.
func State(number uint16) string {
	if state, own := states[number]; own {
		return state
	}
	return General
}
