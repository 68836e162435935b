package wire

// Command is the first byte of a packet in the command phase.
type Command byte

// The commands. Those from 0xfa are MariaDB's.
const (
	ComQuit             Command = 0x01
	ComInitDB           Command = 0x02
	ComQuery            Command = 0x03
	ComFieldList        Command = 0x04
	ComCreateDB         Command = 0x05
	ComDropDB           Command = 0x06
	ComRefresh          Command = 0x07
	ComShutdown         Command = 0x08
	ComStatistics       Command = 0x09
	ComProcessInfo      Command = 0x0a
	ComProcessKill      Command = 0x0c
	ComDebug            Command = 0x0d
	ComPing             Command = 0x0e
	ComChangeUser       Command = 0x11
	ComBinlogDump       Command = 0x12
	ComTableDump        Command = 0x13
	ComRegisterSlave    Command = 0x15
	ComStmtPrepare      Command = 0x16
	ComStmtExecute      Command = 0x17
	ComStmtSendLongData Command = 0x18
	ComStmtClose        Command = 0x19
	ComStmtReset        Command = 0x1a
	ComSetOption        Command = 0x1b
	ComStmtFetch        Command = 0x1c
	ComBinlogDumpGTID   Command = 0x1e
	ComResetConnection  Command = 0x1f
	ComClone            Command = 0x20
	ComStmtBulkExecute  Command = 0xfa
	ComMulti            Command = 0xfe
)

// Error numbers. CodeAccessDenied is ER_ACCESS_DENIED_ERROR in the servers' list.
const (
	CodeConCount               uint16 = 1040
	CodeHandshake              uint16 = 1043
	CodeDBAccessDenied         uint16 = 1044
	CodeAccessDenied           uint16 = 1045
	CodeUnknownCom             uint16 = 1047
	CodeServerShutdown         uint16 = 1053
	CodeParse                  uint16 = 1064
	CodeNoSuchThread           uint16 = 1094
	CodeKillDenied             uint16 = 1095
	CodeUnknown                uint16 = 1105
	CodeHostIsBlocked          uint16 = 1129
	CodeHostNotPrivileged      uint16 = 1130
	CodeNetPacketTooLarge      uint16 = 1153
	CodeNetPacketsOutOfOrder   uint16 = 1156
	CodeNetRead                uint16 = 1158
	CodeNetReadInterrupted     uint16 = 1159 // a time limit passed
	CodeWrongArguments         uint16 = 1210
	CodeUserLimitReached       uint16 = 1226
	CodeSpecificAccessDenied   uint16 = 1227
	CodeNotSupportedYet        uint16 = 1235
	CodeUnknownStmtHandler     uint16 = 1243
	CodeNotSupportedAuthMode   uint16 = 1251
	CodeUnsupportedPS          uint16 = 1295
	CodeCannotUser             uint16 = 1396
	CodeAccessDeniedNoPassword uint16 = 1698 // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
	CodeMalformedPacket        uint16 = 1835
	CodeSecureTransport        uint16 = 3159 // ER_SECURE_TRANSPORT_REQUIRED
	CodeAADValidateUser        uint16 = 9102 // Azure: CREATE AADUSER could not check the user
	CodeAADTokenNotValid       uint16 = 9106 // Azure: the token does not fit the user
)

// sqlStates holds those of the numbers above whose SQLSTATE is not HY000.
var sqlStates = map[uint16]string{
	CodeConCount:               "08004",
	CodeHandshake:              "08S01",
	CodeDBAccessDenied:         "42000",
	CodeAccessDenied:           "28000",
	CodeAccessDeniedNoPassword: "28000",
	CodeUnknownCom:             "08S01",
	CodeServerShutdown:         "08S01",
	CodeParse:                  "42000",
	CodeNetPacketTooLarge:      "08S01",
	CodeNetPacketsOutOfOrder:   "08S01",
	CodeNetRead:                "08S01",
	CodeNetReadInterrupted:     "08S01",
	CodeUserLimitReached:       "42000",
	CodeSpecificAccessDenied:   "42000",
	CodeNotSupportedYet:        "42000",
	CodeNotSupportedAuthMode:   "08004",
}

// SQLState returns the state that servers send with an error number of this
// package, HY000 for any that has none of its own.
func SQLState(code uint16) string {
	if s, ok := sqlStates[code]; ok {
		return s
	}
	return "HY000"
}
