"""What a Redis URL may not say beside the settings, and what is never shown of it."""

import pytest

from faststream_oo.redis import RedisSettings
from faststream_oo.redis.transports.redis_py import check_config
from faststream_oo.security import Tls


def test_what_the_url_says_of_tls_is_refused_beside_the_settings() -> None:
    url = "rediss://h/0?ssl_ca_certs=ca.pem&ssl_check_hostname=no&db=1"
    assert [str(problem) for problem in check_config(RedisSettings(url=url, tls=Tls()))] == [
        "redis.url: ssl_ca_certs has no effect beside redis.tls. Hint: say it in redis.tls alone",
        "redis.url: ssl_check_hostname has no effect beside redis.tls. Hint: say it in redis.tls alone",
    ]
    assert check_config(RedisSettings(url=url)) == ()


@pytest.mark.parametrize(
    "url", ["redis://app:s3cret@h:1/0", "redis://h:1/0?username=app&password=s3cret", "redis://h:1/0?password=s3@cret"]
)
def test_credentials_in_the_url_are_not_shown(url: str) -> None:
    assert RedisSettings(url=url).servers == "redis://h:1/0"
