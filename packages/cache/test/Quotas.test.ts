import { Quotas } from "@user-service/cache/Quotas"
import { onTestClock } from "@user-service/cache/testing/Fresh"
import { suite } from "@user-service/cache/testing/QuotasSuite"

suite("Quotas.layerMemory", Quotas.layerMemory, onTestClock)
