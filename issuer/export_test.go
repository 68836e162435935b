package issuer

// StopBetween has f called between the steps of a change of keys; its error ends the
// change there.
func StopBetween(cfg *Config, f func(step string) error) { cfg.keyStep = f }
