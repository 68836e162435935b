package wire

// Capability is a set of features that client and server agree on. The low 32 bits
// are the protocol's own; the high 32 are MariaDB's, which travel in bytes that
// MySQL reserves, and only when ClientLongPassword is off.
type Capability uint64

// Has reports whether all of want are in c.
func (c Capability) Has(want Capability) bool { return c&want == want }

// The capabilities, in the manual's names.
const (
	// ClientLongPassword is called CLIENT_MYSQL by MariaDB: a peer that leaves it out
	// may speak of MariaDB's capabilities.
	ClientLongPassword               Capability = 1 << 0
	ClientFoundRows                  Capability = 1 << 1
	ClientLongFlag                   Capability = 1 << 2
	ClientConnectWithDB              Capability = 1 << 3
	ClientNoSchema                   Capability = 1 << 4
	ClientCompress                   Capability = 1 << 5
	ClientODBC                       Capability = 1 << 6
	ClientLocalFiles                 Capability = 1 << 7
	ClientIgnoreSpace                Capability = 1 << 8
	ClientProtocol41                 Capability = 1 << 9
	ClientInteractive                Capability = 1 << 10
	ClientSSL                        Capability = 1 << 11
	ClientIgnoreSigpipe              Capability = 1 << 12
	ClientTransactions               Capability = 1 << 13
	ClientReserved                   Capability = 1 << 14
	ClientSecureConnection           Capability = 1 << 15
	ClientMultiStatements            Capability = 1 << 16
	ClientMultiResults               Capability = 1 << 17
	ClientPSMultiResults             Capability = 1 << 18
	ClientPluginAuth                 Capability = 1 << 19
	ClientConnectAttrs               Capability = 1 << 20
	ClientPluginAuthLenencClientData Capability = 1 << 21
	ClientCanHandleExpiredPasswords  Capability = 1 << 22
	ClientSessionTrack               Capability = 1 << 23
	ClientDeprecateEOF               Capability = 1 << 24
	ClientOptionalResultsetMetadata  Capability = 1 << 25
	ClientZstdCompression            Capability = 1 << 26
	ClientQueryAttributes            Capability = 1 << 27
	ClientMultiFactorAuthentication  Capability = 1 << 28
	ClientCapabilityExtension        Capability = 1 << 29
	ClientSSLVerifyServerCert        Capability = 1 << 30
	ClientRememberOptions            Capability = 1 << 31

	MariaDBProgress           Capability = 1 << 32
	MariaDBComMulti           Capability = 1 << 33
	MariaDBStmtBulkOperations Capability = 1 << 34
	MariaDBExtendedMetadata   Capability = 1 << 35
	MariaDBCacheMetadata      Capability = 1 << 36
	MariaDBBulkUnitResults    Capability = 1 << 37
)

// extended returns the bits for MariaDB's field: none when the peer is told that
// this is MySQL.
func (c Capability) extended() uint32 {
	if c.Has(ClientLongPassword) {
		return 0
	}
	return uint32(c >> 32)
}

// withExtended adds what MariaDB's field held, unless the field is mere filler.
func (c Capability) withExtended(field uint32) Capability {
	if c.Has(ClientLongPassword) {
		return c
	}
	return c | Capability(field)<<32
}

// Status is the server's state as OK, EOF and the greeting tell it.
type Status uint16

// The status flags.
const (
	StatusInTrans             Status = 1 << 0
	StatusAutocommit          Status = 1 << 1
	StatusMoreResultsExist    Status = 1 << 3
	StatusNoGoodIndexUsed     Status = 1 << 4
	StatusNoIndexUsed         Status = 1 << 5
	StatusCursorExists        Status = 1 << 6
	StatusLastRowSent         Status = 1 << 7
	StatusDBDropped           Status = 1 << 8
	StatusNoBackslashEscapes  Status = 1 << 9
	StatusMetadataChanged     Status = 1 << 10
	StatusQueryWasSlow        Status = 1 << 11
	StatusPSOutParams         Status = 1 << 12
	StatusInTransReadonly     Status = 1 << 13
	StatusSessionStateChanged Status = 1 << 14
	StatusANSIQuotes          Status = 1 << 15 // MariaDB only
)

// Has reports whether all of want are in s.
func (s Status) Has(want Status) bool { return s&want == want }
