from typing import Any


def test_nothing_comes_in_and_only_https_goes_out(assembly: Any) -> None:
    assert not assembly.of_type("AWS::EC2::SecurityGroupIngress")
    (group,) = assembly.of_type("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [
        (443, 443)
    ]


def test_subnets_assign_addresses_so_that_no_nat_is_needed(assembly: Any) -> None:
    subnets = assembly.of_type("AWS::EC2::Subnet")
    assert len(subnets) >= 2
    assert all(subnet["MapPublicIpOnLaunch"] for subnet in subnets)


def test_s3_is_reached_through_the_gateway_of_every_subnet(assembly: Any) -> None:
    (endpoint,) = assembly.of_type("AWS::EC2::VPCEndpoint")
    assert assembly.text(endpoint["ServiceName"]) == "com.amazonaws.eu-west-1.s3"
    assert len(endpoint["RouteTableIds"]) == len(assembly.of_type("AWS::EC2::Subnet"))
