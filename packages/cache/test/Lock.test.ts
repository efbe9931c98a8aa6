import { Lock } from "@user-service/cache/Lock"
import { onTestClock } from "@user-service/cache/testing/Fresh"
import { suite } from "@user-service/cache/testing/LockSuite"

suite("Lock.layerMemory", Lock.layerMemory, onTestClock)
