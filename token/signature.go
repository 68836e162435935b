package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes that algorithms names
	_ "crypto/sha512"
	"errors"
	"fmt"
	"math/big"

	"github.com/midas-mysql/midas/internal/clip"
)

// algorithms are the signature algorithms that a Verifier can be told to accept
// (RFC 7518 section 3). "none" and the HMAC family are not among them, so that no
// configuration can let them in.
var algorithms = map[string]crypto.Hash{
	"RS256": crypto.SHA256, "RS384": crypto.SHA384, "RS512": crypto.SHA512,
	"PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512,
	"ES256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512,
}

// curveBits says which curve an ES algorithm is bound to.
var curveBits = map[string]int{"ES256": 256, "ES384": 384, "ES512": 521}

var errSignature = errors.New("signature does not fit")

// checkSignature checks the signature over the very bytes that arrived: nothing is
// decoded and encoded again on the way, so that what was checked is what was read.
func checkSignature(algorithm string, key crypto.PublicKey, signed, signature []byte) error {
	if bound, is := key.(*BoundKey); is {
		if bound.Algorithm != algorithm {
			return fmt.Errorf("the key is for signatures of %s, not %s", bound.Algorithm, algorithm)
		}
		key = bound.Public
	}
	hash, known := algorithms[algorithm]
	if !known {
		return fmt.Errorf("signature algorithm %q is not known", clip.Text(algorithm))
	}
	h := hash.New()
	h.Write(signed)
	sum := h.Sum(nil)
	switch family := algorithm[:2]; k := key.(type) {
	case *rsa.PublicKey:
		if family == "RS" {
			return rsa.VerifyPKCS1v15(k, hash, sum, signature)
		}
		if family == "PS" {
			return rsa.VerifyPSS(k, hash, sum, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
	case *ecdsa.PublicKey:
		if family == "ES" {
			return checkECDSA(k, curveBits[algorithm], sum, signature)
		}
	}
	return fmt.Errorf("signature algorithm %s does not go with a key of type %T", algorithm, key)
}

// goesWith refuses an algorithm by which a key could never check a signature.
func goesWith(algorithm string, key crypto.PublicKey) error {
	_, known := algorithms[algorithm]
	fits := false
	switch k := key.(type) {
	case *rsa.PublicKey:
		fits = known && algorithm[:2] != "ES"
	case *ecdsa.PublicKey:
		fits = known && curveBits[algorithm] == k.Curve.Params().BitSize
	}
	if !fits {
		return fmt.Errorf("signature algorithm %q does not go with a key of type %T", clip.Text(algorithm), key)
	}
	return nil
}

// checkECDSA checks r and s written one after the other, each as long as the curve's
// field (RFC 7518 section 3.4).
func checkECDSA(key *ecdsa.PublicKey, bits int, sum, signature []byte) error {
	size := (bits + 7) / 8
	if key.Curve.Params().BitSize != bits || len(signature) != 2*size {
		return errSignature
	}
	r := new(big.Int).SetBytes(signature[:size])
	s := new(big.Int).SetBytes(signature[size:])
	if !ecdsa.Verify(key, sum, r, s) {
		return errSignature
	}
	return nil
}
