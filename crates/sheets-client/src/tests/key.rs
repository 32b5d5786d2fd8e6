//! A key that protects nothing: made for these tests and publicly known. Never grant it access.

use serde_json::{Value, json};

/// An RSA key of 2,048 bits, PKCS #8, base64.
const TEST_PRIVATE_KEY: &str = "\
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC80yKoeXkDceLH8ZMPLHMzhmPLBJecUk7VElHllyjd2z9dX1htyzQ1q/+kEq9IWn8l\
    AcU6b6FpbGvOyyHpGHs08YT7rm+MJwBCzACKgdw27yonSkX8ulUZCIRs6upjkncnopTdsy2YAQdJEzHJ4oWlzp0WV8xqhxyZh9xcYULfIPVkhuhXr0qn\
    i3AmY3iSZaFCmnU40huK5+w8Hmxfb1C7/D0CGWjv6oY3kACSfQRm+4/8nf0uAEVYGOuKCBPKGETV+p7pyQjbuClHT+65xtR8on2JNNI0UHddXUo8HxwL\
    AVoK46rYQkh+6gVuHQZYljTo063jyyG9Y4WV/0PlESaFAgMBAAECggEAP1DO7M46oUiVYjUjejGN+YeFO+Swz9abn3/SnVlX9ziW4UDg3oQGYD7p7ELl\
    qq3Jt4eF8mfPKJIV/lQH7Wjrm1+nF1uxBL5pLHzKa6dKx9LfgCg8GpgCg+/is8D70mKg+NXf9A0qay9hGYRJrCf8Z5JGA2FyZoAiu2qeng1xBm8qX+pb\
    Mv7laTOwGlq8SE4wWB6ZdDeRkimnqIPyBOW6LxSKzxIp4bHYtBNz4E66b2MoSrQlAVhQCVYJXFfXdSpNiDe/nUKTZqUKM0Hbrf41e3MgS1ZTEMJokxO3\
    Kzn/+Uvf2hkldN0yxCo1xG3cR0SdnSru0YuptdXkyVpfEqkOKwKBgQD9IA5LvKRzj7aNQ2hVqtlmlppApzVfCg5A1w5mGqQzmRoap44VCEJQ0MXWK5YM\
    PFbBLTKRdeOnyRAhEXoc0J3LBH8YpV3BG8ntFvNQilILeIxteTdS1lROKEWvVmYE+MkvBxMxrQRwheBnD+EqGGwjyVBg/e6aN35t/PqlxiT5swKBgQC+\
    +CFeV3ajcFSYKtSF5O1QIdcfg8dFQg1Isxms8YVlvLdNBh2yRyBlX9hKf6ljX8OAc9zFr+gtZythndv0G9RLtz60i02VkJInnNtx6e8q6MjiD0W8d4hE\
    /ENr0rQYloRRaVOh74Z4TGOL5X4ngP0At7AIs/M4JPub4n0SmiXS5wKBgQDP0vHp3QhomSYY9a9EJvI3+I7NZnu7fFYXhnqb+mO2uY1lNQzC1/UaxU6p\
    eT/I7AGOub07EL/Jkptbiy3nWqEzfo2bfqprUpWHw8Ah8G9MW71wZIW3zaGKSiZsv1Mj4d/MbNKlhpiOilykQbVtCoA/IZqNB/BPTiDPzVU9pmHVYQKB\
    gFPlvwMrebukBgY0CtooEPo7Y788rbcHpb5isM0B7pEbr4vvO+yuwtTGnsdb/pbh44nzXPKcrWwE/1ILgC5ma4Y4Ixw+dv9WXF960g3hsGkxi8+E1iZO\
    fVeRXC1qjCShO9BobY2fJXyEUteLIzlHud8u0+9+30OzO7bocfpSLnvRAoGARd35BMZW9dFgAq0WY3UPxFbHe3ED6ZH56mohzNznA0S9QZYUl2z1uSFW\
    BJ3HhUmfsyMnkzFqNBaOLgZAetn2RJtz2sLc8b6p41A1kwrwCGtcR2CpClwuJ/xSZfhcaJg6VmdgIhyXOQdQf8tnZFNmKQFljn12xRzqkYYxXrKPQVc=";

/// Returns the key as a key file contains it.
pub(crate) fn pem() -> String {
    format!("-----BEGIN {0}-----\n{TEST_PRIVATE_KEY}\n-----END {0}-----\n", "PRIVATE KEY")
}

/// Returns a service account's key file.
pub(crate) fn service_account(token_uri: &str) -> Value {
    json!({
        "type": "service_account",
        "project_id": "test",
        "private_key_id": "1",
        "private_key": pem(),
        "client_email": "robot@test.iam.gserviceaccount.com",
        "token_uri": token_uri,
    })
}
