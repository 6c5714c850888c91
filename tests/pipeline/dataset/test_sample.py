import gzip

import pytest

from contracts.manifest import Compression
from pipeline.dataset.limits import SAMPLE_BYTES
from pipeline.dataset.sample import Sample, Text, decode, unpack
from pipeline.errors import InputRejected


def test_plain_bytes_stay_as_they_are():
    sample = Sample(b"a,b\n", complete=False)
    assert unpack(sample) == sample


def test_a_whole_file_stays_whole_when_it_is_unpacked():
    packed = gzip.compress(b"a,b\n")
    assert unpack(Sample(packed, True)) == Sample(b"a,b\n", True, Compression.GZIP)
    assert not unpack(Sample(packed, False)).complete


def test_more_text_than_the_sample_holds_is_not_whole():
    unpacked = unpack(Sample(gzip.compress(bytes(2 * SAMPLE_BYTES)), True))
    assert len(unpacked.data) == SAMPLE_BYTES
    assert not unpacked.complete


def test_a_character_cut_in_two_at_the_end_of_the_sample_is_no_fault():
    half = "Köln".encode()[:2]
    assert decode(Sample(half, complete=False)) == Text("K", complete=False)
    with pytest.raises(InputRejected) as caught:
        decode(Sample(half, complete=True))
    assert caught.value.problem.where == "line 1, byte 1"


def test_text_with_some_nul_bytes_is_not_taken_for_utf_16():
    with pytest.raises(InputRejected) as caught:
        decode(Sample(b"a\0b,c\n", complete=True))
    assert caught.value.problem.code == "nul_byte"
