# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which URLs name a store: what is refused is refused by name, with how to write it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.store import StoreError, StoreUrlError, open_store, parse_url
from world_model_ros.store.redact import redact
from world_model_ros.store.url import client_options, credentials_hint

SECRET = 'sesame'


@pytest.fixture
def environment(monkeypatch):
    """Set variables where nothing of a cloud is set."""
    for name in list(os.environ):
        if name.upper().startswith(('AWS_', 'GOOGLE_', 'AZURE_')):
            monkeypatch.delenv(name)
    return lambda **values: [monkeypatch.setenv(name, value) for name, value in values.items()]


@pytest.mark.parametrize(
    ('url', 'remedy'),
    [
        (
            'http://minio:9000/bucket',
            's3://BUCKET/PREFIX and set AWS_ENDPOINT_URL=http://minio:9000 and AWS_ALLOW_HTTP',
        ),
        ('https://minio/bucket', 'AWS_ENDPOINT_URL=https://minio'),
        ('s3:/bucket', r'write s3://BUCKET/PREFIX \(./s3:/bucket is a folder\)'),
        ('s3:bucket', 'write s3://BUCKET/PREFIX'),
        ('file:/data', 'write file:///FOLDER'),
        ('file://data/store', 'write file:///data/store'),
        ('s3://', 'no bucket named: write s3://BUCKET/PREFIX'),
        ('s3:///bucket', 'no bucket named'),
        ('s3://minio:9000/bucket', 'AWS_ENDPOINT_URL'),
        ('s3://minio:x/bucket', 'no URL'),
        ('s3://bucket/x?region=eu', 'set it in the environment'),
        ('ftp://host/x', 'ftp:// is not known; a store is a folder, file:///folder, s3://'),
        (' s3://bucket', 'spaces at its ends'),
        ('~nobody-of-this-name/x', 'no folder'),
        ('', 'no folder named'),
        ('file://', 'no folder named'),
        ('a\0b', 'NUL'),
    ],
)
def test_what_is_no_store_is_refused_with_how_to_write_it(url, remedy):
    with pytest.raises(StoreUrlError, match=remedy) as caught:
        open_store(url, create=True)
    assert repr(redact(url)) in str(caught.value)


def test_a_password_in_a_url_is_refused_and_not_repeated():
    with pytest.raises(StoreUrlError, match='AWS_SECRET_ACCESS_KEY') as caught:
        open_store(f's3://robot:{SECRET}@bucket/x')
    assert SECRET not in str(caught.value) + caught.value.url


@pytest.mark.parametrize(
    ('url', 'scheme'),
    [
        ('s3://bucket/prefix', 's3'),
        ('S3://bucket', 's3'),
        ('gs://bucket/a b', 'gs'),
        ('az://account/container/x', 'az'),
        ('abfs://container@account.dfs.core.windows.net/x', 'abfs'),
        ('memory://', 'memory'),
    ],
)
def test_object_stores_are_known_by_their_scheme(url, scheme):
    assert parse_url(url) == (f'{scheme}{url[len(scheme) :]}', scheme, None)


@pytest.mark.parametrize('path', ['data/12:30', './s3:/bucket', 'C:', '/', '~', 'a b '])
def test_a_path_is_a_folder_whatever_it_looks_like(path):
    parsed = parse_url(path)
    assert parsed.scheme == 'file' and parsed.folder == Path(path).expanduser().absolute()


@settings(max_examples=50)
@given(st.text(max_size=40) | st.from_regex(r'(s3|file|http|gs)?:?/{0,3}[a-z@:?#%\[\]/]*'))
def test_any_text_is_a_store_or_refused_by_name(text):
    try:
        parsed = parse_url(text)
    except StoreUrlError as error:
        assert error.reason
    else:
        assert (parsed.folder is not None) == (parsed.scheme == 'file')
        assert parse_url(parsed.text) == parsed


def test_what_the_environment_says_of_the_connection_stays(environment):
    environment(AWS_ALLOW_HTTP='true', AWS_PROXY_URL='http://proxy:1', aws_connect_timeout='9s')
    options = client_options(parse_url('s3://bucket'))
    assert options['allow_http'] == 'true' and options['proxy_url'] == 'http://proxy:1'
    assert options['connect_timeout'] == '9s' and options['timeout'].seconds == 300
    environment(AWS_TIMEOUT='5s')
    assert client_options(parse_url('s3://bucket'))['timeout'] == '5s'
    assert 'allow_http' not in client_options(parse_url('gs://bucket'))


def test_half_of_the_credentials_is_refused_by_the_name_of_the_other_half(environment):
    environment(AWS_ACCESS_KEY_ID='robot')
    with pytest.raises(
        StoreError, match='AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: set both'
    ):
        open_store('s3://bucket/x')


def test_an_endpoint_without_encryption_needs_a_word(environment):
    environment(
        AWS_ACCESS_KEY_ID='robot',
        AWS_SECRET_ACCESS_KEY=SECRET,
        AWS_ENDPOINT_URL='http://127.0.0.1:9000',
    )
    with pytest.raises(StoreError, match='set AWS_ALLOW_HTTP=true') as caught:
        open_store('s3://bucket/x')
    assert 'AWS_ENDPOINT_URL=http://127.0.0.1:9000' in str(caught.value)


def test_missing_credentials_are_named_where_the_machine_has_no_role(environment):
    reason = 'Error performing PUT http://169.254.169.254/latest/api/token'
    url = parse_url('s3://bucket')
    assert credentials_hint(url, reason) == (
        'no credentials, since AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set '
        '(~/.aws is not read), and this machine has no role of its own'
    )
    assert credentials_hint(url, 'Error performing PUT https://bucket.s3') == ''
    environment(AWS_ACCESS_KEY_ID='robot', AWS_SECRET_ACCESS_KEY=SECRET)
    assert credentials_hint(url, reason) == ''


def test_missing_credentials_are_named_by_a_store_that_is_opened(environment):
    environment(AWS_METADATA_ENDPOINT='http://127.0.0.1:1/169.254.169.254', AWS_ALLOW_HTTP='true')
    with pytest.raises(StoreError, match='no credentials, since AWS_ACCESS_KEY_ID and AWS_SECRET'):
        open_store('s3://bucket/x', create=True)
