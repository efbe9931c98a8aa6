import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { suite } from "@user-service/security/testing/PasswordHasherSuite"

suite("layerTest", PasswordHasher.layerTest)
suite("layer", PasswordHasher.layer({ cost: 4, queueSize: 64, threads: 2 }))
